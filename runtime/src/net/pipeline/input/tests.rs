use super::*;

fn input(bytes: &[u8]) -> Input {
    let mut input = Input::default();
    receive(&mut input, bytes);
    input
}

fn receive(input: &mut Input, bytes: &[u8]) {
    input.room()[..bytes.len()].copy_from_slice(bytes);
    input.received(bytes.len());
}

#[test]
fn lines_that_come_in_pieces() {
    let mut input = input(b"on");
    assert_eq!(input.take_line(9).unwrap(), None);
    receive(&mut input, b"e\r\ntwo\n\nth");
    assert_eq!(input.take_line(9).unwrap(), Some(&b"one"[..]));
    assert_eq!(input.take_line(9).unwrap(), Some(&b"two"[..]));
    assert_eq!(input.take_line(9).unwrap(), Some(&b""[..]));
    assert_eq!(input.take_line(9).unwrap(), None);
    assert_eq!(input.bytes(), b"th");
}

#[test]
fn a_line_that_is_too_long() {
    assert!(input(b"12345").take_line(4).is_err());
    assert!(input(b"12345\n").take_line(4).is_err());
    assert!(input(b"1234\n").take_line(4).unwrap().is_some());
}

#[test]
fn memory_for_what_is_announced() {
    let mut input = input(b"x");
    assert_eq!(input.take(100_000), None);
    assert!(input.room().len() < CHUNK);
    receive(&mut input, &[b'x'; CHUNK - 1]);
    assert_eq!(input.room().len(), 100_000 - CHUNK);
    receive(&mut input, &[b'x'; 100_000 - CHUNK]);
    assert_eq!(input.take(100_000).unwrap().len(), 100_000);
    assert_eq!(input.room().len(), CHUNK);
    assert_eq!(input.take(usize::MAX), None);
    receive(&mut input, &[b'x'; CHUNK]);
    assert!(input.room().len() <= AHEAD);
}
