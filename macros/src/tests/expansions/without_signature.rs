impl Socket {
    /// Waits.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[allow(warnings, reason = "its parameters are not used")]
    pub fn async_wait(
        &self,
        duration: Duration,
        token: impl ::core::marker::Sized,
    ) -> ::async_op::expansion::Mistaken {
        use Completion as _;
        let op = {
            ::core::compile_error! {
                "`Completion` has no completion signature\nhelp: `Completion<fn(io::Result<usize>)>`, or `Completion<fn()>`"
            }
        };
        let _ = || { op.complete() };
        ::async_op::expansion::Mistaken
    }
    /// Waits.
    #[track_caller]
    #[allow(impl_trait_overcaptures, reason = "it has the edition of the macro")]
    #[allow(warnings, reason = "its parameters are not used")]
    pub fn wait(&self, duration: Duration) -> ::async_op::expansion::Mistaken {
        ::async_op::expansion::Mistaken
    }
    ::core::compile_error! {
        "`Completion` has no completion signature\nhelp: `Completion<fn(io::Result<usize>)>`, or `Completion<fn()>`"
    }
}
