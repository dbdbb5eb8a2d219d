//! Logins as people write them: values only, see [`super::credentials`] for what they mean. No secret stands here,
//! only the file or the environment variable that holds it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

/// A login.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Login {
    SnmpV1(Community),
    SnmpV2c(Community),
    SnmpV3(Usm),
    Password(Password),
    Ipmi(Ipmi),
}

/// Login of SNMP v1 and v2c.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-instead" = {
    "community": "a secret is not written here: write community_file: PATH or community_env: VARIABLE"
}))]
pub(super) struct Community {
    /// File that holds the community name.
    pub(super) community_file: Option<PathBuf>,
    /// Environment variable that holds the community name.
    pub(super) community_env: Option<String>,
}

/// User of SNMP v3.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(super) struct Usm {
    /// Security name of the user.
    #[schemars(length(min = 1), extend("x-expected" = "the name of the user"))]
    pub(super) user: String,
    /// Context name. Empty unless the device asks for one.
    #[serde(default)]
    pub(super) context: String,
    /// Authentication.
    pub(super) auth: Option<Protection<AuthProtocol>>,
    /// Encryption; needs `auth`.
    pub(super) privacy: Option<Protection<PrivacyProtocol>>,
}

/// A protocol of SNMP v3 and its pass phrase of at least 8 characters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-instead" = {
    "passphrase": "a secret is not written here: write passphrase_file: PATH or passphrase_env: VARIABLE",
    "password": "a secret is not written here: write passphrase_file: PATH or passphrase_env: VARIABLE"
}))]
pub(super) struct Protection<P> {
    /// Protocol.
    pub(super) protocol: P,
    /// File that holds the pass phrase.
    pub(super) passphrase_file: Option<PathBuf>,
    /// Environment variable that holds the pass phrase.
    pub(super) passphrase_env: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum AuthProtocol {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum PrivacyProtocol {
    Des,
    Aes128,
    Aes192,
    Aes256,
}

/// User and password of a BMC.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-instead" = {
    "password": "a secret is not written here: write password_file: PATH or password_env: VARIABLE",
    "username": "write user"
}))]
pub(super) struct Password {
    /// Name of the user.
    #[schemars(length(min = 1), extend("x-expected" = "the name of the user"))]
    pub(super) user: String,
    /// File that holds the password.
    pub(super) password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub(super) password_env: Option<String>,
}

/// User of IPMI, where `password` says too little.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline, extend("x-instead" = {
    "password": "a secret is not written here: write password_file: PATH or password_env: VARIABLE",
    "group_key": "a secret is not written here: write group_key_file: PATH or group_key_env: VARIABLE",
    "username": "write user"
}))]
pub(super) struct Ipmi {
    /// Name of the user.
    #[schemars(length(min = 1), extend("x-expected" = "the name of the user"))]
    pub(super) user: String,
    /// File that holds the password.
    pub(super) password_file: Option<PathBuf>,
    /// Environment variable that holds the password.
    pub(super) password_env: Option<String>,
    /// File that holds the BMC's key K_g, where one is set.
    pub(super) group_key_file: Option<PathBuf>,
    /// Environment variable that holds the BMC's key K_g.
    pub(super) group_key_env: Option<String>,
    /// Privilege level that is asked for. Default user.
    #[serde(default)]
    pub(super) privilege: Privilege,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Privilege {
    #[default]
    User,
    Operator,
}
