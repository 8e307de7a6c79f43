//! WSSE UsernameToken with a password digest, in the `X-WSSE` header.

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use http::HeaderMap;

use super::set_header;
use crate::context::Context;
use crate::encoding;
use crate::inject::Injected;
use crate::request::BuildError;

pub(crate) fn apply(
    username: &str,
    password: &str,
    ctx: &Context<'_>,
    headers: &mut HeaderMap,
    injected: &mut Injected,
) -> Result<(), BuildError> {
    if username.contains(['"', '\\']) {
        return Err(BuildError::new("request_auth", "the user name holds a quote or backslash"));
    }
    let nonce = encoding::hex(&ctx.random_bits());
    let created = ctx.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    set_header(headers, injected, "authorization", "WSSE profile=\"UsernameToken\"")?;
    set_header(headers, injected, "x-wsse", &token(username, password, &nonce, &created))
}

fn token(username: &str, password: &str, nonce: &str, created: &str) -> String {
    let mut digest = digest::Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for part in [nonce, created, password] {
        digest.update(part.as_bytes());
    }
    let digest = encoding::base64(digest.finish().as_ref());
    let nonce = encoding::base64(nonce.as_bytes());
    format!(
        "UsernameToken Username=\"{username}\", PasswordDigest=\"{digest}\", \
         Nonce=\"{nonce}\", Created=\"{created}\""
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_nonce_time_and_password() {
        // printf '%s' 'd36e316282959a9ed4c89851497a717f2003-12-15T14:43:07Ztaadtaadpstcsm' |
        // openssl sha1 -binary | base64
        let nonce = "d36e316282959a9ed4c89851497a717f";
        let token = token("bob", "taadtaadpstcsm", nonce, "2003-12-15T14:43:07Z");
        assert_eq!(
            token,
            "UsernameToken Username=\"bob\", PasswordDigest=\"quR/EWLAV4xLf9Zqyw4pDmfV9OY=\", \
             Nonce=\"ZDM2ZTMxNjI4Mjk1OWE5ZWQ0Yzg5ODUxNDk3YTcxN2Y=\", \
             Created=\"2003-12-15T14:43:07Z\""
        );
    }
}
