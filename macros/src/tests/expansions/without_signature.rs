impl Socket {
    /// Waits.
    #[allow(warnings, reason = "its parameters are not used")]
    pub fn async_wait(
        &self,
        duration: Duration,
        token: impl ::core::marker::Sized,
    ) -> ! {
        use Completion as _;
        loop {}
    }
    ::core::compile_error! {
        "`Completion` has no completion signature\nhelp: `Completion<fn(io::Result<usize>)>`, or `Completion<fn()>`"
    }
}
