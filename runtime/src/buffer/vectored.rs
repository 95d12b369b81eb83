//! Buffers of several parts.

use std::io::{IoSlice, IoSliceMut};

use super::{ReadBuffer, WriteBuffer, result_alone, result_and_self};

impl ReadBuffer for &mut [IoSliceMut<'_>] {
    result_alone!();

    fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
        for part in self.iter_mut() {
            visit(part);
        }
    }
}

impl WriteBuffer for &[IoSlice<'_>] {
    result_alone!();

    fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
        for part in self.iter() {
            visit(part);
        }
    }
}

macro_rules! of_one_type {
    ([$($generics:tt)*] $ty:ty) => {
        impl<B: ReadBuffer, $($generics)*> ReadBuffer for $ty {
            result_and_self!();

            fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
                for buffer in self {
                    buffer.parts(&mut visit);
                }
            }
        }

        impl<B: WriteBuffer, $($generics)*> WriteBuffer for $ty {
            result_and_self!();

            fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
                for buffer in self {
                    buffer.parts(&mut visit);
                }
            }
        }
    };
}

of_one_type!([] Vec<B>);
of_one_type!([const N: usize] [B; N]);

macro_rules! of_several {
    ($($ty:ident: $index:tt),+) => {
        impl<$($ty: ReadBuffer),+> ReadBuffer for ($($ty,)+) {
            result_and_self!();

            fn parts<'a>(&'a mut self, mut visit: impl FnMut(&'a mut [u8])) {
                $(self.$index.parts(&mut visit);)+
            }
        }

        impl<$($ty: WriteBuffer),+> WriteBuffer for ($($ty,)+) {
            result_and_self!();

            fn parts<'a>(&'a self, mut visit: impl FnMut(&'a [u8])) {
                $(self.$index.parts(&mut visit);)+
            }
        }
    };
}

of_several!(A: 0, B: 1);
of_several!(A: 0, B: 1, C: 2);
of_several!(A: 0, B: 1, C: 2, D: 3);
