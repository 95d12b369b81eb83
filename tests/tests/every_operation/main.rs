//! What holds for every operation of the library, whatever it does: at once and
//! later, cancelled before, while and after it waits, with its object and its
//! context dropped under it; and without the heap.

#![cfg(target_os = "linux")]

mod case;
mod heap;
mod rules;
mod sockets;
mod without_sockets;

use async_op_tests::CountingHeap;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// Defines a test for each operation and rule.
macro_rules! every_operation {
    ($($name:ident: $case:path,)*) => {$(
        mod $name {
            every_operation!(@ $case:
                at_once_awaited at_once_called_back
                later_awaited later_called_back
                asked_before_it_starts
                asked_while_it_waits_awaited asked_while_it_waits_called_back
                dropped_before_it_starts dropped_while_it_waits
                its_last_handle_is_dropped
                its_context_is_dropped_awaited its_context_is_dropped_called_back);

            every_operation!(! $case);
        }
    )*};
    (! $case:path) => {
        #[test]
        fn awaited_by_one_that_was_asked() {
            crate::rules::awaited_by_one_that_was_asked(|| $case);
        }

        #[test]
        #[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
        fn without_the_heap_called_back() {
            crate::heap::called_back::<$case>();
        }

        #[test]
        #[cfg_attr(async_op_sanitize, ignore = "recycling is off")]
        fn without_the_heap_awaited() {
            crate::heap::awaited::<$case>();
        }
    };
    (@ $case:path: $($rule:ident)*) => {$(
        #[test]
        fn $rule() {
            crate::rules::$rule::<$case>();
        }
    )*};
}

/// The same for those that complete as soon as they are polled.
macro_rules! at_once {
    ($($name:ident: $case:path,)*) => {$(
        mod $name {
            every_operation!(@ $case:
                at_once_awaited at_once_called_back
                asked_before_it_starts
                dropped_before_it_starts
                its_context_is_gone);

            every_operation!(! $case);
        }
    )*};
}

/// The same for those that wait for a moment in any case.
macro_rules! later {
    ($($name:ident: $case:path,)*) => {$(
        mod $name {
            every_operation!(@ $case:
                later_awaited later_called_back
                asked_before_it_starts
                asked_while_it_waits_awaited asked_while_it_waits_called_back
                dropped_before_it_starts dropped_while_it_waits
                its_last_handle_is_dropped
                its_context_is_dropped_awaited its_context_is_dropped_called_back);

            every_operation!(! $case);
        }
    )*};
}

/// The same for those whose objects can cancel them.
macro_rules! cancelled {
    ($($name:ident: $case:path,)*) => {
        every_operation!($($name: $case,)*);

        mod its_object_cancels_all {$(
            #[test]
            fn $name() {
                crate::rules::its_object_cancels_all::<$case>();
            }
        )*}
    };
}

cancelled! {
    tcp_accept: crate::sockets::TcpAccept,
    tcp_listener_wait: crate::sockets::TcpListenerWait,
    tcp_read: crate::sockets::TcpRead,
    tcp_peek: crate::sockets::TcpPeek,
    tcp_read_in_parts: crate::sockets::TcpReadInParts,
    tcp_write: crate::sockets::TcpWrite,
    tcp_write_in_parts: crate::sockets::TcpWriteInParts,
    tcp_wait_read: crate::sockets::TcpWaitRead,
    tcp_wait_write: crate::sockets::TcpWaitWrite,
    tcp_read_buf: crate::sockets::TcpReadBuf,
    any_read: crate::sockets::AnyRead,
    any_write: crate::sockets::AnyWrite,
    unix_accept: crate::sockets::UnixAccept,
    unix_listener_wait: crate::sockets::UnixListenerWait,
    unix_read: crate::sockets::UnixRead,
    unix_peek: crate::sockets::UnixPeek,
    unix_write: crate::sockets::UnixWrite,
    unix_wait_write: crate::sockets::UnixWaitWrite,
    pipe_read: crate::sockets::PipeRead,
    pipe_wait_read: crate::sockets::PipeWaitRead,
    pipe_write: crate::sockets::PipeWrite,
    pipe_wait_write: crate::sockets::PipeWaitWrite,
    descriptor_read: crate::sockets::DescriptorRead,
    descriptor_write: crate::sockets::DescriptorWrite,
    descriptor_wait: crate::sockets::DescriptorWait,
    udp_receive: crate::sockets::UdpReceive,
    udp_receive_from: crate::sockets::UdpReceiveFrom,
    udp_peek: crate::sockets::UdpPeek,
    udp_peek_from: crate::sockets::UdpPeekFrom,
    udp_wait_read: crate::sockets::UdpWaitRead,
    unix_receive: crate::sockets::UnixReceive,
    unix_receive_from: crate::sockets::UnixReceiveFrom,
    unix_send: crate::sockets::UnixSend,
    unix_send_to: crate::sockets::UnixSendTo,
    signal_set_wait: crate::sockets::Signal,
    timer_wait: crate::without_sockets::TimerWait,
    wall_timer_wait: crate::without_sockets::WallTimerWait,
    read_with_a_time_limit: crate::without_sockets::TimedRead,
    channel_send: crate::without_sockets::ChannelSend,
    channel_receive: crate::without_sockets::ChannelReceive,
    mutex_lock: crate::without_sockets::MutexLock,
    semaphore_acquire: crate::without_sockets::SemaphoreAcquire,
    semaphore_acquire_many: crate::without_sockets::SemaphoreAcquireMany,
    group_of_two: crate::without_sockets::GroupOfTwo,
    group_of_a_range: crate::without_sockets::GroupOfRange,
}

every_operation! {
    read: crate::without_sockets::ComposedRead,
    read_at_least: crate::without_sockets::ComposedReadAtLeast,
    read_exact: crate::without_sockets::ComposedReadExact,
    read_buf: crate::without_sockets::ComposedReadBuf,
    read_to_end: crate::without_sockets::ComposedReadToEnd,
    read_until: crate::without_sockets::ComposedReadUntil,
    write: crate::without_sockets::ComposedWrite,
    write_all: crate::without_sockets::ComposedWriteAll,
    write_all_in_parts: crate::without_sockets::ComposedWriteAllInParts,
    copy: crate::without_sockets::CopyThatReads,
    sleep_until: crate::without_sockets::SleepUntil,
}

at_once! {
    udp_send: crate::sockets::UdpSend,
    udp_send_to: crate::sockets::UdpSendTo,
    unix_connect: crate::sockets::UnixConnect,
    unix_connect_addr: crate::sockets::UnixConnectAddr,
}

later! {
    tcp_connect: crate::sockets::TcpConnect,
    tcp_connect_any: crate::sockets::TcpConnectAny,
    tcp_connect_any_on: crate::sockets::TcpConnectAnyOn,
    tcp_connect_host: crate::sockets::TcpConnectHost,
    tcp_socket_connect: crate::sockets::TcpSocketConnect,
}
