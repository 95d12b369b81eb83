//! The guide: one page for each question.
//!
//! There is nothing in this module but pages. Every example is compiled and run
//! with the tests of this crate.
//!
//! To begin with:
//!
//! - [`first_client`]: how do I write my first client, in ten minutes?
//! - [`choosing_a_form`]: which form of an operation do I write?
//! - [`buffers`]: does an operation borrow its buffer or own it?
//! - [`streams`]: how does a client hold TCP, a Unix socket or TLS alike?
//! - [`sockets`]: how do I connect to a host by its name, set options, and lend a socket to QUIC?
//! - [`sharing_a_connection`]: how do many callers share one connection?
//!
//! When it has to run:
//!
//! - [`cancellation`]: how do I stop an operation, and what is lost when a future is dropped?
//! - [`executors`]: where do my handlers run?
//! - [`memory`]: where does the memory come from?
//! - [`hosts`]: how do I run it inside tokio, a GUI loop, C or Python?
//! - [`testing`]: how do I test operations?
//! - [`test_kit`]: how do I test a client without a server, without waiting, and at every step?
//! - [`costs`]: what does it cost?
//! - [`it_hangs`]: my program hangs; where do I look?
//!
//! For those who know another library:
//!
//! - [`from_asio`]: I know Asio; what has which name here?
//! - [`from_tokio`]: I know tokio; what is what?
//!
//! What `#[async_op]` writes for each form of an operation is on the page
//! [`forms`](crate::forms).

#[doc = include_str!("guide/first_client.md")]
pub mod first_client {}

#[doc = include_str!("guide/choosing_a_form.md")]
pub mod choosing_a_form {}

#[doc = include_str!("guide/buffers.md")]
pub mod buffers {}

#[doc = include_str!("guide/streams.md")]
pub mod streams {}

#[doc = include_str!("guide/sockets.md")]
pub mod sockets {}

#[cfg_attr(
    not(feature = "pipeline"),
    doc = "How do many callers share one connection?"
)]
#[cfg_attr(not(feature = "pipeline"), doc = "")]
#[cfg_attr(
    not(feature = "pipeline"),
    doc = "The page is there with the feature `pipeline`."
)]
#[cfg_attr(feature = "pipeline", doc = include_str!("guide/sharing_a_connection.md"))]
pub mod sharing_a_connection {}

#[doc = include_str!("guide/cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("guide/executors.md")]
pub mod executors {}

#[doc = include_str!("guide/memory.md")]
pub mod memory {}

#[doc = include_str!("guide/hosts.md")]
pub mod hosts {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[cfg_attr(
    not(feature = "test"),
    doc = "How do I test a client without a server, without waiting, and at every step?"
)]
#[cfg_attr(not(feature = "test"), doc = "")]
#[cfg_attr(
    not(feature = "test"),
    doc = "The page is there with the feature `test`."
)]
#[cfg_attr(feature = "test", doc = include_str!("guide/test_kit.md"))]
pub mod test_kit {}

#[doc = include_str!("guide/from_asio.md")]
pub mod from_asio {}

#[doc = include_str!("guide/from_tokio.md")]
pub mod from_tokio {}

#[doc = include_str!("guide/costs.md")]
pub mod costs {}

#[doc = include_str!("guide/it_hangs.md")]
pub mod it_hangs {}
