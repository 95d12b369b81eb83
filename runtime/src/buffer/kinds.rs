//! Buffers of one part.

use std::sync::Arc;

use super::{ReadBuffer, WriteBuffer, result_alone, result_and_self};

/// Of what could have a length where it has none.
macro_rules! lacks_length {
    () => {
        fn lacks_length(&self) -> bool {
            self.is_empty()
        }
    };
}

macro_rules! read {
    ($completion:ident: [$($generics:tt)*] $ty:ty $(, $lacks_length:ident)?) => {
        impl<$($generics)*> ReadBuffer for $ty {
            $completion!();

            #[inline]
            fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
                visit(&mut self[..]);
            }

            $($lacks_length!();)?
        }
    };
}

/// Of what derefs to bytes or to characters.
#[inline]
fn bytes<T: AsRef<[u8]> + ?Sized>(of: &T) -> &[u8] {
    of.as_ref()
}

macro_rules! write {
    ($completion:ident: [$($generics:tt)*] $ty:ty) => {
        impl<$($generics)*> WriteBuffer for $ty {
            $completion!();

            #[inline]
            fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
                let bytes: &[u8] = bytes(&self[..]);
                visit(bytes);
            }
        }
    };
}

read!(result_alone: [] &mut [u8]);
read!(result_alone: [const N: usize] &mut [u8; N]);
read!(result_alone: [] &mut Vec<u8>, lacks_length);
read!(result_and_self: [] Vec<u8>, lacks_length);
read!(result_and_self: [] Box<[u8]>);
read!(result_and_self: [const N: usize] [u8; N]);

write!(result_alone: [] &[u8]);
write!(result_alone: [const N: usize] &[u8; N]);
write!(result_alone: [] &Vec<u8>);
write!(result_alone: [] &Box<[u8]>);
write!(result_alone: [] &Arc<[u8]>);
write!(result_alone: [] &str);
write!(result_alone: [] &String);
write!(result_and_self: [] Vec<u8>);
write!(result_and_self: [] Box<[u8]>);
write!(result_and_self: [const N: usize] [u8; N]);
write!(result_and_self: [] Arc<[u8]>);
write!(result_and_self: [] String);
