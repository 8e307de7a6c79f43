//! What the API sends and takes, as this client sees it.

pub mod accounts;
pub mod archive;
pub mod configuration;
pub mod portal;
pub mod proxy_call;
pub mod queues;
pub mod run;
pub mod secrets;
pub mod step;
pub mod webhooks;

/// An enum of words that the server may add to: a word this client does not know is `Unknown`.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $word,)*
            /// A word of a newer server.
            #[serde(other, rename = "unknown")]
            Unknown,
        }

        impl $name {
            /// The word, as the API has it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                    Self::Unknown => "unknown",
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$word),)*
                    _ => Err(format!("expected one of {}", [$($text),*].join(", "))),
                }
            }
        }
    };
}

pub(crate) use words;
