//! Where pictures are, below the public address: icons of connectors and logos of projects. What a
//! project uploaded has the hash of its bytes in its name, so browsers may keep it.

use sha2::{Digest, Sha256};
use tenon_config::LogoType;
use tenon_connector::catalog::CUSTOM_PREFIX;
use tenon_connector::connector::Connector;
use tenon_domain::ProjectId;

use crate::assets::PLACEHOLDER_PATH;

/// The icon of a connector, which is not there where its manifest cannot be read any more.
pub(crate) fn icon_path(project: ProjectId, name: &str, connector: Option<&Connector>) -> String {
    let Some(slug) = name.strip_prefix(CUSTOM_PREFIX) else {
        return format!("/integrations/{name}.svg");
    };
    match connector.and_then(Connector::icon) {
        Some(icon) => format!("/integrations/{project}/{}", icon_file(slug, icon)),
        None => PLACEHOLDER_PATH.to_owned(),
    }
}

/// The name of the file of a project's own icon.
pub(crate) fn icon_file(slug: &str, icon: &str) -> String {
    format!("{slug}.{}.svg", short_hex(&Sha256::digest(icon)))
}

/// A project's uploaded logo.
pub(crate) fn logo_path(project: ProjectId, kind: LogoType, sha256: &[u8; 32]) -> String {
    let hex: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("/logos/{project}/{hex}.{}", kind.extension())
}

/// The digest in the name of a logo's file, with its kind.
pub(crate) fn logo_of_file(file: &str) -> Option<(LogoType, [u8; 32])> {
    let (hex, extension) = file.split_once('.')?;
    let kind = [LogoType::Svg, LogoType::Png].into_iter().find(|it| it.extension() == extension)?;
    if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut digest = [0_u8; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some((kind, digest))
}

fn short_hex(digest: &[u8]) -> String {
    digest[..12].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_logo_says_which_it_is() {
        let project = ProjectId::new();
        let digest: [u8; 32] = Sha256::digest(b"logo").into();
        let path = logo_path(project, LogoType::Png, &digest);
        let file = path.rsplit('/').next().expect("it has parts");
        assert_eq!(logo_of_file(file), Some((LogoType::Png, digest)));
        for other in ["", "x.png", &file[1..], &file.to_uppercase(), "é.svg", &format!("{file}x")]
        {
            assert_eq!(logo_of_file(other), None, "{other}");
        }
    }
}
