//! Encryption at rest: texts, visitor ids and message ids under a passphrase.
//!
//! A random key of the state's own encrypts (AES-256-GCM) and hides names (keyed BLAKE3). The
//! passphrase, stretched with Argon2id, only encrypts that key: so another passphrase is one
//! small write. Some things stay readable: the keys of messages, how many deliveries each has, sizes,
//! times of runs, and the header of the state.
//!
//! Keys are wiped from memory when they are not needed any more: the state's own, those that come from it,
//! the stretched passphrase, and the memory in which that is done. Two kinds of copies cannot be
//! reached: the key schedules inside ring's keys, and copies that the compiler leaves on the stack.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::StateError;

/// The least number of characters of a passphrase (contract, section 7).
const LEAST: usize = 20;

/// Argon2id as RFC 9106 recommends it for little memory: 64 MiB, three passes.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;
/// Nobody writes more than this; a damaged note could.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 64;

/// The passphrase of a state.
#[derive(Debug, Clone)]
pub struct StateKey(SecretString);

impl StateKey {
    /// A passphrase of at least 20 characters.
    ///
    /// # Errors
    ///
    /// How many characters it has, if those are too few.
    pub fn new(passphrase: SecretString) -> Result<Self, usize> {
        let length = passphrase.expose_secret().chars().count();
        if length < LEAST { Err(length) } else { Ok(Self(passphrase)) }
    }

    #[cfg(test)]
    pub(crate) fn passphrase(&self) -> &SecretString {
        &self.0
    }
}

/// The state's own key, encrypted under a passphrase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wrapped {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    key: String,
}

/// See [`Cipher::authenticate`]. Compared in constant time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Mac(blake3::Hash);

impl TryFrom<String> for Mac {
    type Error = blake3::HexError;

    fn try_from(hex: String) -> Result<Self, Self::Error> {
        blake3::Hash::from_hex(hex).map(Self)
    }
}

impl From<Mac> for String {
    fn from(Mac(hash): Mac) -> Self {
        hash.to_hex().to_string()
    }
}

/// Why something could not be decrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Undecipherable {
    /// It was encrypted under another passphrase.
    #[error("the key is another one")]
    WrongKey,
    /// It is not a ciphertext of this state.
    #[error("it cannot be decrypted")]
    Damaged,
    /// The system gave no random bytes, or refused the memory.
    #[error("the system does not let it be encrypted")]
    System,
}

impl Undecipherable {
    /// The error of a state whose own key cannot be decrypted or encrypted.
    pub(super) fn of_key(self, location: &str) -> StateError {
        match self {
            Self::WrongKey => StateError::WrongKey { location: location.to_owned() },
            other => StateError::damaged(location, format!("its key: {other}")),
        }
    }
}

/// Wiped when it is dropped.
type Key = Zeroizing<[u8; 32]>;

/// Encrypts and decrypts.
pub(super) struct Cipher {
    own: Key,
    values: LessSafeKey,
    names: Key,
    header: Key,
    random: SystemRandom,
}

impl Cipher {
    /// A new key, and its encrypted form.
    pub(super) fn create(key: &StateKey) -> Result<(Self, Wrapped), Undecipherable> {
        let mut own = Key::default();
        fill(&SystemRandom::new(), &mut *own)?;
        let cipher = Self::of(own)?;
        let wrapped = cipher.wrap(key)?;
        Ok((cipher, wrapped))
    }

    /// The key in its encrypted form.
    pub(super) fn open(key: &StateKey, wrapped: &Wrapped) -> Result<Self, Undecipherable> {
        let salt = BASE64.decode(&wrapped.salt).map_err(|_| Undecipherable::Damaged)?;
        // It is decrypted in place.
        let sealed = BASE64.decode(&wrapped.key).map_err(|_| Undecipherable::Damaged)?;
        let mut sealed = Zeroizing::new(sealed);
        let stretched = stretch(key, &salt, wrapped.memory_kib, wrapped.passes, wrapped.lanes)?;
        let plain = unseal(&aead(&stretched)?, b"own key", &mut sealed)
            .map_err(|_| Undecipherable::WrongKey)?;
        let mut own = Key::default();
        if plain.len() != own.len() {
            return Err(Undecipherable::Damaged);
        }
        own.copy_from_slice(plain);
        Self::of(own)
    }

    /// The same key, encrypted under this passphrase.
    pub(super) fn wrap(&self, key: &StateKey) -> Result<Wrapped, Undecipherable> {
        let mut salt = [0; 16];
        fill(&self.random, &mut salt)?;
        let stretched = stretch(key, &salt, MEMORY_KIB, PASSES, LANES)?;
        let sealed = seal(&aead(&stretched)?, &self.random, b"own key", &*self.own)?;
        Ok(Wrapped {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: BASE64.encode(salt),
            key: BASE64.encode(sealed),
        })
    }

    fn of(own: Key) -> Result<Self, Undecipherable> {
        Ok(Self {
            values: aead(&derive("pushsync state values 2026-11", &own))?,
            names: derive("pushsync state names 2026-11", &own),
            header: derive("pushsync state header 2026-11", &own),
            random: SystemRandom::new(),
            own,
        })
    }

    /// A code over these bytes that needs the key.
    pub(super) fn authenticate(&self, header: &[u8]) -> Mac {
        Mac(blake3::keyed_hash(&self.header, header))
    }

    /// Encrypts a value, bound to the place where it lies.
    pub(super) fn seal(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, Undecipherable> {
        seal(&self.values, &self.random, place, value)
    }

    /// The value that was encrypted for this place.
    pub(super) fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Undecipherable> {
        let mut bytes = sealed.to_vec();
        let length = unseal(&self.values, place, &mut bytes)?.len();
        // The plain bytes are where the ciphertext was.
        bytes.drain(..NONCE_LEN);
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Replaces a visitor in a name: always the same for one visitor, and nothing can be learned
    /// from it without the key.
    pub(super) fn hidden(&self, visitor: &[u8]) -> String {
        let hash = blake3::keyed_hash(&self.names, visitor);
        hash.to_hex()[..32].to_owned()
    }
}

fn fill(random: &SystemRandom, bytes: &mut [u8]) -> Result<(), Undecipherable> {
    random.fill(bytes).map_err(|_| Undecipherable::System)
}

fn aead(key: &[u8; 32]) -> Result<LessSafeKey, Undecipherable> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| Undecipherable::System)?;
    Ok(LessSafeKey::new(key))
}

fn stretch(
    key: &StateKey,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Result<Key, Undecipherable> {
    if memory_kib > MOST_MEMORY_KIB || passes > MOST_PASSES {
        return Err(Undecipherable::Damaged);
    }
    let params =
        Params::new(memory_kib, passes, lanes, Some(32)).map_err(|_| Undecipherable::Damaged)?;
    let mut stretched = Key::default();
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| Undecipherable::System)?;
    memory.resize(params.block_count(), Block::default());
    let passphrase = key.0.expose_secret().as_bytes();
    let done = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(passphrase, salt, &mut *stretched, &mut memory);
    // Anyone who has these blocks has the stretched passphrase.
    memory.iter_mut().for_each(Zeroize::zeroize);
    done.map_err(|_| Undecipherable::System)?;
    Ok(stretched)
}

fn derive(purpose: &str, own: &Key) -> Key {
    let mut hasher = blake3::Hasher::new_derive_key(purpose);
    hasher.update(&**own);
    let mut key = Key::default();
    hasher.finalize_xof().fill(&mut *key);
    hasher.zeroize();
    key
}

fn seal(
    key: &LessSafeKey,
    random: &SystemRandom,
    place: &[u8],
    value: &[u8],
) -> Result<Vec<u8>, Undecipherable> {
    let mut nonce = [0; NONCE_LEN];
    fill(random, &mut nonce)?;
    let mut bytes = Vec::with_capacity(NONCE_LEN + value.len() + AES_256_GCM.tag_len());
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(value);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place),
            &mut bytes[NONCE_LEN..],
        )
        .map_err(|_| Undecipherable::System)?;
    bytes.extend_from_slice(tag.as_ref());
    Ok(bytes)
}

fn unseal<'a>(
    key: &LessSafeKey,
    place: &[u8],
    sealed: &'a mut [u8],
) -> Result<&'a mut [u8], Undecipherable> {
    let (nonce, rest) =
        sealed.split_first_chunk_mut::<NONCE_LEN>().ok_or(Undecipherable::Damaged)?;
    key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place), rest)
        .map_err(|_| Undecipherable::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> StateKey {
        StateKey::new(text.into()).expect("long enough")
    }

    #[test]
    fn a_passphrase_has_at_least_20_characters() {
        assert_eq!(StateKey::new("ä".repeat(19).into()).map(drop), Err(19));
        assert!(StateKey::new("ä".repeat(20).into()).is_ok());
        assert!(!format!("{:?}", key("correct horse battery")).contains("horse"));
    }

    #[test]
    fn what_is_encrypted_comes_back_under_the_same_passphrase_and_no_other() {
        let (one, two) = (key("correct horse battery"), key("another passphrase 123"));
        let (cipher, wrapped) = Cipher::create(&one).expect("can be made");
        let sealed = cipher.seal(b"place", b"a text").expect("can be encrypted");
        assert!(!sealed.windows(6).any(|part| part == b"a text"));
        let again = Cipher::open(&one, &wrapped).expect("the same key");
        assert_eq!(again.unseal(b"place", &sealed).as_deref(), Ok(&b"a text"[..]));
        assert_eq!(again.hidden(b"visitor"), cipher.hidden(b"visitor"));
        assert_eq!(again.unseal(b"elsewhere", &sealed), Err(Undecipherable::Damaged));
        assert_eq!(Cipher::open(&two, &wrapped).map(drop), Err(Undecipherable::WrongKey));

        let other = again.wrap(&two).expect("can be wrapped");
        let moved = Cipher::open(&two, &other).expect("the new key");
        assert_eq!(moved.unseal(b"place", &sealed).as_deref(), Ok(&b"a text"[..]));
        assert_eq!(Cipher::open(&one, &other).map(drop), Err(Undecipherable::WrongKey));
    }

    #[test]
    fn keys_are_of_a_type_that_is_wiped_when_it_is_dropped() {
        fn wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        let (cipher, wrapped) = Cipher::create(&key("correct horse battery")).expect("made");
        let Cipher { own, values: _, names, header, random: _ } = &cipher;
        let stretched = stretch(&key("correct horse battery"), &[7; 16], 64, 1, 1).expect("made");
        for key in [own, names, header, &stretched] {
            wiped(key);
            assert_ne!(**key, [0; 32]);
        }
        assert!(names != header && own != names, "each purpose has its own");
        // As a damaged note would ask for.
        let huge = Wrapped { memory_kib: MOST_MEMORY_KIB + 1, ..wrapped };
        let opened = Cipher::open(&key("correct horse battery"), &huge).map(drop);
        assert_eq!(opened, Err(Undecipherable::Damaged));
    }

    #[test]
    fn only_the_key_authenticates_a_header_and_every_byte_of_it_counts() {
        let (one, _) = Cipher::create(&key("correct horse battery")).expect("made");
        let (two, _) = Cipher::create(&key("correct horse battery")).expect("made");
        assert_eq!(one.authenticate(b"a header"), one.authenticate(b"a header"));
        assert_ne!(one.authenticate(b"a header"), one.authenticate(b"a headeR"));
        assert_ne!(one.authenticate(b"a header"), two.authenticate(b"a header"));
    }

    #[test]
    fn the_same_text_never_looks_the_same_twice() {
        let (cipher, _) = Cipher::create(&key("correct horse battery")).expect("can be made");
        let seal = || cipher.seal(b"place", b"a text").expect("can be encrypted");
        assert_ne!(seal(), seal());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let (cipher, _) = Cipher::create(&key("correct horse battery")).expect("can be made");
        let sealed = cipher.seal(b"place", b"a text").expect("can be encrypted");
        for length in 0..sealed.len() {
            assert!(cipher.unseal(b"place", &sealed[..length]).is_err(), "{length} bytes");
        }
        for bit in 0..sealed.len() * 8 {
            let mut bytes = sealed.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(cipher.unseal(b"place", &bytes).is_err(), "bit {bit}");
        }
    }
}
