//! What is read into and written from: every kind, several parts, ranges.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use async_op::IoContext;
use async_op::io::{
    BufferExt, DynamicBuffer, ReadBuffer, WriteBuffer, read, read_exact, read_until, transfer_all,
    write, write_all,
};
use async_op_tests::net::{half_local_pair, half_pair, pattern};
use async_op_tests::{Step, TestStream, panic_of};
use bytes::{Buf, Bytes, BytesMut};

/// What a buffer says of itself.
fn all_bytes(buffer: &impl WriteBuffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    buffer.parts(|part| bytes.extend_from_slice(part));
    bytes
}

#[test]
fn every_kind_that_can_be_written() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    let mut expect = |expected: &[u8]| {
        let mut got = vec![0; expected.len()];
        peer.read_exact(&mut got).unwrap();
        assert_eq!(got, expected);
    };

    // Borrowed: the result alone.
    let vec = b"vec".to_vec();
    let shared = Bytes::from_static(b"bytes");
    assert_eq!(stream.write_some(&b"slice"[..]).blocking().unwrap(), 5);
    assert_eq!(stream.write_some(b"array").blocking().unwrap(), 5);
    assert_eq!(stream.write_some(&vec).blocking().unwrap(), 3);
    assert_eq!(stream.write_some("str").blocking().unwrap(), 3);
    assert_eq!(stream.write_some(&shared).blocking().unwrap(), 5);
    let slices = [IoSlice::new(b"io"), IoSlice::new(b""), IoSlice::new(b"vec")];
    assert_eq!(stream.write_some(&slices[..]).blocking().unwrap(), 5);
    expect(b"slicearrayvecstrbytesiovec");

    // Owned: the buffer comes back, the same.
    macro_rules! comes_back {
        ($($buffer:expr),* $(,)?) => {$({
            let buffer = $buffer;
            let (bytes, copy) = (all_bytes(&buffer), buffer.clone());
            let (result, buffer) = stream.write_some(buffer).blocking();
            assert_eq!(result.unwrap(), bytes.len());
            assert_eq!(buffer, copy);
            expect(&bytes);
        })*};
    }
    comes_back!(
        vec,
        b"box".to_vec().into_boxed_slice(),
        *b"array",
        Arc::<[u8]>::from(&b"arc"[..]),
        String::from("string"),
        shared,
        BytesMut::from("mut"),
        vec![b"a".to_vec(), vec![], b"bc".to_vec()],
        [*b"ab", *b"cd"],
        ("pair", b"of".to_vec()),
        (*b"three", String::new(), Bytes::from_static(b"x")),
        (vec![1, 2], [3], Arc::<[u8]>::from([4, 5]), "6"),
        vec![(String::from("nested"), [vec![b"more".to_vec()], vec![]])],
    );
}

#[test]
fn every_kind_that_can_be_read_into() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    let mut send = |bytes: &[u8]| peer.write_all(bytes).unwrap();

    let (mut array, mut vec, mut bytes) = ([0; 3], vec![0; 3], BytesMut::zeroed(3));
    send(b"abcdefghijklmnop");
    assert_eq!(stream.read_some(&mut array[..2]).blocking().unwrap(), 2);
    assert_eq!(stream.read_some(&mut array).blocking().unwrap(), 3);
    assert_eq!(stream.read_some(&mut vec).blocking().unwrap(), 3);
    assert_eq!(stream.read_some(&mut bytes).blocking().unwrap(), 3);
    assert_eq!(
        (&array, &vec[..], &bytes[..]),
        (b"cde", &b"fgh"[..], &b"ijk"[..])
    );
    let mut rest = [[0; 2], [0; 2], [0; 2]];
    let mut slices = rest.each_mut().map(|part| IoSliceMut::new(part));
    assert_eq!(stream.read_some(&mut slices[..]).blocking().unwrap(), 5);
    assert_eq!(rest.as_flattened(), b"lmnop\0");

    macro_rules! comes_back {
        ($($buffer:expr => $filled:expr),* $(,)?) => {$({
            send(b"abc");
            let (result, buffer) = stream.read_some($buffer).blocking();
            assert_eq!(result.unwrap(), 3);
            assert_eq!(buffer, $filled);
        })*};
    }
    comes_back!(
        vec![9; 4] => b"abc\x09",
        vec![9; 3].into_boxed_slice() => b"abc".to_vec().into_boxed_slice(),
        [9; 5] => *b"abc\x09\x09",
        BytesMut::zeroed(3) => BytesMut::from("abc"),
        vec![vec![9], vec![], vec![9; 3]] => [&b"a"[..], b"", b"bc\x09"],
        [[9; 2], [9; 2]] => [*b"ab", *b"c\x09"],
        ([9], vec![9; 2]) => ([b'a'], b"bc".to_vec()),
        ([9; 0], vec![9; 2], [9]) => ([], b"ab".to_vec(), [b'c']),
        ([9], [9], [9; 0], [9]) => ([b'a'], [b'b'], [], [b'c']),
        (vec![([9], [[9; 2]; 2])], [9]) => (vec![([b'a'], [*b"bc", [9; 2]])], [9]),
    );
}

#[test]
fn an_owned_buffer_keeps_its_place_in_memory() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    peer.write_all(b"abc").unwrap();
    let buffer = (vec![0; 2], vec![0; 1].into_boxed_slice());
    let places = (buffer.0.as_ptr().addr(), buffer.1.as_ptr().addr());
    let (result, buffer) = stream.read_some(buffer).blocking();
    result.unwrap();
    assert_eq!((buffer.0.as_ptr().addr(), buffer.1.as_ptr().addr()), places);
    let (result, buffer) = write_all(&stream, buffer.0.range(1..)).blocking();
    result.unwrap();
    assert_eq!(buffer.get_ref().as_ptr().addr(), places.0);
}

/// Buffers of parts of these lengths, filled one after the other.
fn parts(lens: &[usize], bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut start = 0;
    let part = |&len: &usize| {
        start += len;
        bytes[start - len..start].to_vec()
    };
    lens.iter().map(part).collect()
}

const LENS: [usize; 9] = [0, 3, 0, 0, 1, 5, 2, 0, 0];
const TOTAL: usize = 11;

#[test]
fn a_range_is_that_of_all_the_bytes_of_all_parts() {
    fn check(
        whole: &[u8],
        range: impl RangeBounds<usize> + Clone,
        expected: std::ops::Range<usize>,
    ) {
        let mut buffer = parts(&LENS, whole).range(range.clone());
        let expected = &whole[expected];
        assert_eq!(all_bytes(&buffer), expected);
        assert_eq!(WriteBuffer::total_len(&buffer), expected.len());
        assert_eq!(ReadBuffer::total_len(&mut buffer), expected.len());
        let mut bytes = Vec::new();
        ReadBuffer::parts(&mut buffer, |part| bytes.extend_from_slice(part));
        assert_eq!(bytes, expected);
        for skip in 0..TOTAL + 3 {
            let rest = &expected[skip.min(expected.len())..];
            let first = WriteBuffer::after(&buffer, skip);
            assert!(rest.starts_with(first));
            assert_eq!(first.is_empty(), rest.is_empty());
            assert_eq!(ReadBuffer::after(&mut buffer, skip).to_vec(), {
                let buffer = parts(&LENS, whole).range(range.clone());
                WriteBuffer::after(&buffer, skip).to_vec()
            });
        }
    }

    let whole = pattern(TOTAL);
    let inside = |n: usize| n.min(TOTAL);
    for start in 0..TOTAL + 3 {
        check(&whole, start.., inside(start)..TOTAL);
        check(&whole, ..start, 0..inside(start));
        let after = (Bound::Excluded(start), Bound::Unbounded);
        check(&whole, after, inside(start + 1)..TOTAL);
        for end in start..TOTAL + 3 {
            check(&whole, start..end, inside(start)..inside(end));
            check(&whole, start..=end, inside(start)..inside(end + 1));
        }
    }
    check(&whole, .., 0..TOTAL);
    check(&whole, ..=usize::MAX, 0..TOTAL);
    check(&whole, usize::MAX.., TOTAL..TOTAL);
    check(
        &whole,
        (Bound::Excluded(usize::MAX), Bound::Unbounded),
        TOTAL..TOTAL,
    );
    check(&whole, usize::MAX..=usize::MAX, TOTAL..TOTAL);
}

#[test]
fn a_range_of_a_range() {
    let buffer = ("0123", "456789").range(2..8).range(1..=3);
    assert_eq!(all_bytes(&buffer), b"345");
    assert_eq!(all_bytes(buffer.get_ref()), b"234567");
    assert_eq!(buffer.into_inner().into_inner(), ("0123", "456789"));
    // The outer one goes beyond the inner one.
    assert_eq!(all_bytes(&"0123456789".range(2..5).range(1..9)), b"34");
    assert_eq!(all_bytes(&"0123456789".range(2..5).range(3..9)), b"");
    assert_eq!(format!("{:?}", "secret".range(1..3)), "BufferRange(1..3)");
}

#[test]
fn a_range_that_starts_after_its_end() {
    #[allow(clippy::reversed_empty_ranges, reason = "on purpose")]
    let message = panic_of(|| vec![0_u8; 9].range(5..3));
    assert_eq!(message, "a range of a buffer from 5 to 3");
    let message = panic_of(|| [0_u8; 9].range((Bound::Excluded(5), Bound::Excluded(5))));
    assert_eq!(message, "a range of a buffer from 6 to 5");
}

#[test]
fn a_range_leaves_the_rest_alone() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    peer.write_all(b"abcdef").unwrap();
    let (result, range) = stream.read_some([9; 6].range(2..4)).blocking();
    assert_eq!(result.unwrap(), 2);
    assert_eq!(range.into_inner(), *b"\x09\x09ab\x09\x09");
    // Empty, whether inside or beyond: complete at once, with nothing read.
    for range in [3..3, 6..6, 7..9] {
        let (result, buffer) = stream.read_some(vec![9; 6].range(range.clone())).blocking();
        assert_eq!((result.unwrap(), buffer.into_inner()), (0, vec![9; 6]));
        let (result, buffer) = stream.write_some(vec![9; 6].range(range)).blocking();
        assert_eq!((result.unwrap(), buffer.into_inner()), (0, vec![9; 6]));
    }
    let parts = (vec![9; 2], [9; 0], [9; 6]).range(1..5);
    let (result, range) = stream.read_some(parts).blocking();
    assert_eq!(result.unwrap(), 4);
    assert_eq!(
        range.into_inner(),
        (b"\x09c".to_vec(), [], *b"def\x09\x09\x09")
    );
}

#[test]
fn parts_without_content() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    peer.write_all(b"abc").unwrap();
    let nothing = || {
        (
            (vec![Vec::<u8>::new(); 40], [0_u8; 0]),
            Vec::<[u8; 3]>::new(),
        )
    };
    let (result, buffer) = stream.read_some(nothing()).blocking();
    assert_eq!((result.unwrap(), buffer), (0, nothing()));
    let (result, buffer) = stream.write_some(nothing()).blocking();
    assert_eq!((result.unwrap(), buffer), (0, nothing()));
    // One part with content among them.
    let (result, (buffer, _)) = stream.read_some(([[0; 0]; 40], nothing())).blocking();
    assert_eq!((result.unwrap(), buffer), (0, [[]; 40]));
    let (result, (_, buffer, _)) = stream.read_some((nothing(), [0; 4], nothing())).blocking();
    assert_eq!((result.unwrap(), buffer), (3, *b"abc\0"));
}

#[test]
fn more_parts_than_go_into_one_system_call() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    // An empty one after each of three bytes.
    let lens: Vec<usize> = (0..80).map(|n| if n % 2 == 0 { 3 } else { 0 }).collect();
    let bytes = pattern(120);

    let (result, _) = stream.write_some(parts(&lens, &bytes)).blocking();
    assert_eq!(result.unwrap(), 16 * 3);
    let mut got = vec![0; 120];
    assert_eq!(peer.read(&mut got).unwrap(), 16 * 3);
    let (result, buffer) = write_all(&stream, parts(&lens, &bytes)).blocking();
    result.unwrap();
    assert_eq!(buffer, parts(&lens, &bytes));
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got, bytes);

    // All is there before the first read, and one event tells of it: a call
    // that fills its sixteen parts is not a short one.
    peer.write_all(&bytes[..100]).unwrap();
    let (mut got, mut ns) = (Vec::new(), Vec::new());
    while got.len() < 100 {
        let (result, buffer) = stream.read_some(parts(&lens, &[0; 120])).blocking();
        let n = result.unwrap();
        got.extend_from_slice(&buffer.concat()[..n]);
        ns.push(n);
    }
    assert_eq!((&got[..], &ns[..]), (&bytes[..100], &[48, 48, 4][..]));
    peer.write_all(&bytes).unwrap();
    let (result, buffer) = read_exact(&stream, parts(&lens, &[0; 120])).blocking();
    result.unwrap();
    assert_eq!(buffer, parts(&lens, &bytes));
}

#[test]
fn transfers_that_stop_at_every_place() {
    let context = IoContext::new().unwrap();
    let lens: Vec<usize> = LENS.iter().copied().cycle().take(LENS.len() * 5).collect();
    let bytes = pattern(5 * TOTAL);
    for per_call in 1..=bytes.len() {
        let stream = TestStream::new(&context, &bytes).otherwise(Step::Move(per_call));
        let (transfer, buffer) = read(&stream, parts(&lens, &[0; 55]), transfer_all()).blocking();
        assert_eq!(transfer.into_result().unwrap(), 55);
        assert_eq!(buffer, parts(&lens, &bytes));
        let (transfer, buffer) = write(&stream, buffer, transfer_all()).blocking();
        assert_eq!(transfer.into_result().unwrap(), 55);
        assert_eq!(stream.written(), bytes);
        let calls = 55_usize.div_ceil(per_call);
        assert_eq!(stream.calls(), (calls, calls));
        // Through a range of them.
        stream.feed(&bytes[7..50]);
        let (result, buffer) = read_exact(&stream, buffer.range(7..50)).blocking();
        result.unwrap();
        let (result, buffer) = write_all(&stream, buffer).blocking();
        result.unwrap();
        assert_eq!(stream.written(), bytes[7..50]);
        assert_eq!(buffer.into_inner(), parts(&lens, &bytes));
    }
}

#[test]
fn a_socket_takes_several_parts_one_byte_at_a_time() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = half_pair(&context);
    let bytes = pattern(300);
    let sender = std::thread::spawn({
        let bytes = bytes.clone();
        move || {
            peer.set_nodelay(true).unwrap();
            for byte in bytes.chunks(1) {
                (&peer).write_all(byte).unwrap();
            }
            peer
        }
    });
    let buffer = ([0; 100], vec![vec![0; 1]; 100], [[0; 10]; 10]);
    let (result, (a, b, c)) = read_exact(&stream, buffer).blocking();
    result.unwrap();
    assert_eq!([&a[..], &b.concat()[..], c.as_flattened()].concat(), bytes);
    sender.join().unwrap();
}

#[test]
fn several_mebibytes_in_many_parts() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    let bytes = pattern(5 << 20);
    let lens: Vec<usize> = (0..).map(|n| n * 37 % 9000).take(1000).collect();
    let total: usize = lens.iter().sum();
    assert!(total < bytes.len());
    let echo = std::thread::spawn(move || {
        let mut got = vec![0; total];
        peer.read_exact(&mut got).unwrap();
        peer.write_all(&got).unwrap();
        peer
    });
    let (result, buffer) = write_all(&stream, parts(&lens, &bytes)).blocking();
    result.unwrap();
    let blank = parts(&lens, &vec![0; total]);
    let (result, got) = read_exact(&stream, blank).blocking();
    result.unwrap();
    assert!(buffer == parts(&lens, &bytes) && got == buffer);
    echo.join().unwrap();
}

/// The other end of a Unix socket is gone at once.
#[cfg(unix)]
#[test]
fn buffers_come_back_from_a_socket() {
    let context = IoContext::new().unwrap();
    let (stream, peer) = half_local_pair(&context);
    drop(peer);
    let written = || (String::from("a"), vec![b"b".to_vec()], *b"c");
    let (result, buffer) = stream.write_some(written()).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(buffer, written());
    let (result, buffer) = write_all(&stream, written().range(1..)).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(buffer.into_inner(), written());
    let (transfer, buffer) = write(&stream, written(), transfer_all()).blocking();
    assert_eq!(transfer.bytes, 0);
    assert_eq!(transfer.result.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(buffer, written());
    let (result, buffer) = read_exact(&stream, ([7; 2], vec![7; 2])).blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(buffer, ([7; 2], vec![7; 2]));
    let (result, buffer) = read_until(&stream, b"ab".to_vec(), b'\n').blocking();
    assert_eq!(result.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(buffer, b"ab");
}

#[test]
fn buffers_come_back_from_errors() {
    let context = IoContext::new().unwrap();
    let failing = TestStream::new(&context, b"xy")
        .reads([Step::Move(1), Step::Fail(ErrorKind::TimedOut)])
        .writes([Step::Move(1), Step::Fail(ErrorKind::TimedOut)]);
    let (transfer, buffer) = read(&failing, ([7], [7; 2]), transfer_all()).blocking();
    assert_eq!(transfer.bytes, 1);
    assert_eq!(transfer.result.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(buffer, ([b'x'], [7; 2]));
    let (transfer, buffer) = write(&failing, ("a", "bc"), transfer_all()).blocking();
    assert_eq!(transfer.bytes, 1);
    assert_eq!(
        transfer.into_result().unwrap_err().kind(),
        ErrorKind::TimedOut
    );
    assert_eq!(buffer, ("a", "bc"));
    assert_eq!(failing.written(), b"a");
}

#[test]
fn buffers_of_the_crate_bytes() {
    let context = IoContext::new().unwrap();
    let (stream, mut peer) = half_local_pair(&context);
    // A view of what others see too is not copied.
    let whole = Bytes::from(pattern(100));
    let (result, view) = write_all(&stream, whole.slice(10..20)).blocking();
    result.unwrap();
    assert_eq!(view.as_ptr(), whole[10..].as_ptr());
    let (result, _) = write_all(&stream, (whole.slice(..0), view).range(5..)).blocking();
    result.unwrap();
    let mut got = [0; 15];
    peer.read_exact(&mut got).unwrap();
    assert_eq!(got[..10], whole[10..20]);
    assert_eq!(got[10..], whole[15..20]);

    // Lines taken out of one that grows.
    peer.write_all(b"one\ntwo\nthr").unwrap();
    let mut buffer = BytesMut::new();
    for line in ["one\n", "two\n"] {
        let end = read_until(&stream, &mut buffer, b'\n').blocking().unwrap();
        assert_eq!(buffer.split_to(end), line);
    }
    buffer.advance(1);
    peer.write_all(b"ee\n!").unwrap();
    let (result, mut buffer) = read_until(&stream, buffer, "\n").blocking();
    assert_eq!(buffer.split_to(result.unwrap()), "hree\n");
    assert_eq!(buffer, "!");
}

#[test]
fn buffers_that_grow() {
    fn check(mut buffer: impl DynamicBuffer, most: usize) {
        assert_eq!(buffer.max_len(), most);
        buffer.resize(3);
        buffer.bytes().copy_from_slice(b"abc");
        buffer.resize(5);
        assert!(buffer.capacity() >= 5);
        assert!(buffer.bytes().starts_with(b"abc"));
        assert_eq!(buffer.bytes().len(), 5);
        buffer.resize(2);
        assert_eq!(buffer.bytes(), b"ab");
        let _ = buffer.completed(());
    }

    check(Vec::new(), usize::MAX);
    check(BytesMut::new(), usize::MAX);
    check(&mut Vec::new(), usize::MAX);
    check(&mut BytesMut::new(), usize::MAX);
    check(Vec::new().at_most(9), 9);
    check((&mut Vec::new()).at_most(9).at_most(12), 9);
    check(BytesMut::new().at_most(12).at_most(9), 9);
    let ((), buffer) = b"ab".to_vec().at_most(1).completed(());
    assert_eq!(buffer, b"ab");
}
