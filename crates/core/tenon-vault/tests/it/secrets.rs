//! What holds a secret cannot be printed, copied, compared or written out.

use std::fmt::{Debug, Display};
use std::marker::PhantomData;

use serde::Serialize;
use tenon_contract::secret::SecretBytes;
use tenon_contract::vault::{NewValue, Opened};
use tenon_vault::envelope::{DataKey, FreshKey};

/// Asks the compiler whether a type implements a trait: where it does, the constant of the
/// type's own `impl` is nearer than the one of the trait.
struct Asked<T>(PhantomData<T>);

macro_rules! questions {
    ($($answer:ident / $fallback:ident: $bound:path,)*) => {
        $(
            trait $fallback {
                const $answer: bool = false;
            }
            impl<T> $fallback for Asked<T> {}
            impl<T: $bound> Asked<T> {
                const $answer: bool = true;
            }
        )*
    };
}

questions! {
    DEBUG / NoDebug: Debug,
    DISPLAY / NoDisplay: Display,
    CLONE / NoClone: Clone,
    EQ / NoEq: PartialEq,
    SERIALIZE / NoSerialize: Serialize,
}

#[test]
fn secrets_cannot_be_printed_copied_compared_or_serialised() {
    macro_rules! refuse {
        ($($kind:ty),*) => {
            $(
                let answers = [
                    Asked::<$kind>::DEBUG,
                    Asked::<$kind>::DISPLAY,
                    Asked::<$kind>::CLONE,
                    Asked::<$kind>::EQ,
                    Asked::<$kind>::SERIALIZE,
                ];
                assert_eq!(answers, [false; 5], stringify!($kind));
            )*
        };
    }
    refuse!(SecretBytes, NewValue, Opened);
    // The questions are answered rightly for a type that can do all that.
    let answers = [
        Asked::<String>::DEBUG,
        Asked::<String>::DISPLAY,
        Asked::<String>::CLONE,
        Asked::<String>::EQ,
        Asked::<String>::SERIALIZE,
    ];
    assert_eq!(answers, [true; 5]);
}

#[test]
fn a_data_key_shows_nothing_but_its_id_and_cannot_be_copied() {
    let answers = [
        Asked::<DataKey>::CLONE,
        Asked::<DataKey>::EQ,
        Asked::<DataKey>::SERIALIZE,
        Asked::<FreshKey>::CLONE,
        Asked::<FreshKey>::EQ,
        Asked::<FreshKey>::SERIALIZE,
    ];
    assert_eq!(answers, [false; 6]);
    let key = FreshKey::generate().reader();
    assert_eq!(format!("{key:?}"), format!("DataKey {{ id: {:?}, .. }}", key.id()));
}
