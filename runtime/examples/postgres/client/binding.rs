//! What ties a password to the certificate of the server that it is shown to, so that nobody in
//! between can use it.

use sha2::{Digest, Sha256, Sha384, Sha512};

/// The names of signatures begin with these.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4];

/// Returns the hash of a certificate, by that of its signature (`tls-server-end-point` of
/// RFC 5929); `None` where that has none.
pub(super) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let (content, _) = element(certificate)?;
    let (_signed, rest) = element(content)?;
    let (algorithm, _) = element(rest)?;
    let (name, _) = element(algorithm)?;
    let hash = name.strip_prefix(RSA).or(name.strip_prefix(ECDSA))?;
    Some(match hash {
        // MD5 and SHA-1, which are broken, have that of SHA-256.
        [4 | 5 | 11] | [1] | [3, 2] => Sha256::digest(certificate).to_vec(),
        [12] | [3, 3] => Sha384::digest(certificate).to_vec(),
        [13] | [3, 4] => Sha512::digest(certificate).to_vec(),
        _ => return None,
    })
}

/// Returns what is in the first element of some DER, and what follows it.
fn element(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = der.get(1..)?.split_first()?;
    let (len, rest) = match len {
        0..=0x7f => (usize::from(len), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(len & 0x7f))?;
            let number = digits
                .iter()
                .fold(0, |all, &digit| all << 8 | usize::from(digit));
            (number, rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}
