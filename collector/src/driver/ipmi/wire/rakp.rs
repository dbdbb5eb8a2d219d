//! RAKP, the key exchange of RMCP+ (sections 13.20 to 13.24 and 13.31): its messages and codes. Pure.
//!
//! Both sides prove that they know the password and never send it. Nothing here decides what is believed.

use zeroize::Zeroizing;

use super::crypto::{KEY_LENGTH, Suite};
use crate::target::Privilege;

/// In RAKP 1: the account is found by the name alone, not by name and privilege.
const NAME_ONLY: u8 = 0x10;

/// Most characters of a user's name (section 13.20).
pub(crate) const MAX_USER: usize = 16;

/// Who logs in.
pub(crate) struct Account {
    pub(crate) user: Vec<u8>,
    /// The password.
    pub(crate) key: Zeroizing<Vec<u8>>,
    /// K_g, where the device has one: the password stands in for it otherwise.
    pub(crate) group_key: Option<Zeroizing<Vec<u8>>>,
    pub(crate) privilege: Privilege,
}

impl Account {
    /// The privilege level as IPMI numbers it (section 6.8).
    pub(crate) const fn level(&self) -> u8 {
        match self.privilege {
            Privilege::User => 0x02,
            Privilege::Operator => 0x03,
        }
    }

    /// Length of the name, and the name.
    fn name(&self) -> Vec<u8> {
        let length = u8::try_from(self.user.len()).unwrap_or(u8::MAX);
        [&[length], self.user.as_slice()].concat()
    }
}

/// Open Session Request for one suite; the tag comes first.
pub(crate) fn open_request(level: u8, console: u32, suite: Suite) -> Vec<u8> {
    let mut payload = vec![0, level, 0, 0];
    payload.extend_from_slice(&console.to_le_bytes());
    for (kind, algorithm) in (0..).zip(suite.algorithms()) {
        payload.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
    }
    payload
}

/// RAKP 1; the tag comes first.
pub(crate) fn challenge(account: &Account, bmc: u32, random: &[u8; 16]) -> Vec<u8> {
    let role = [account.level() | NAME_ONLY, 0, 0];
    [&[0; 4], &bmc.to_le_bytes(), &random[..], &role, &account.name()].concat()
}

/// Everything that both sides compute their codes from.
pub(crate) struct Exchange<'a> {
    pub(crate) suite: Suite,
    pub(crate) account: &'a Account,
    /// The console's and the BMC's id of the session.
    pub(crate) console: u32,
    pub(crate) bmc: u32,
    /// Random numbers of the console and of the BMC.
    pub(crate) ours: [u8; 16],
    pub(crate) theirs: [u8; 16],
    pub(crate) guid: [u8; 16],
}

impl Exchange<'_> {
    /// The roles that BMCs compute with: as it was sent, and without the lookup bit, which some leave out.
    pub(crate) const fn roles(&self) -> [u8; 2] {
        [self.account.level() | NAME_ONLY, self.account.level()]
    }

    /// Key exchange authentication code of RAKP 2.
    pub(crate) fn rakp2(&self, role: u8) -> Vec<u8> {
        let (console, bmc) = (self.console.to_le_bytes(), self.bmc.to_le_bytes());
        let parts = [&console[..], &bmc, &self.ours, &self.theirs, &self.guid, &[role], &self.account.name()];
        self.suite.hmac(&padded(&self.account.key), &parts).to_vec()
    }

    /// RAKP 3 with its key exchange authentication code; the tag comes first.
    pub(crate) fn answer(&self, role: u8) -> Vec<u8> {
        [&[0; 4], &self.bmc.to_le_bytes()[..], &self.rakp3(role)].concat()
    }

    fn rakp3(&self, role: u8) -> Vec<u8> {
        let parts = [&self.theirs[..], &self.console.to_le_bytes(), &[role], &self.account.name()];
        self.suite.hmac(&padded(&self.account.key), &parts).to_vec()
    }

    /// Session integrity key, made with K_g.
    pub(crate) fn sik(&self, role: u8) -> Zeroizing<Vec<u8>> {
        let key = self.account.group_key.as_ref().unwrap_or(&self.account.key);
        self.suite.hmac(&padded(key), &[&self.ours, &self.theirs, &[role], &self.account.name()])
    }

    /// Integrity check value of RAKP 4.
    pub(crate) fn rakp4(&self, sik: &[u8]) -> Vec<u8> {
        self.suite.code(sik, &[&self.ours, &self.bmc.to_le_bytes(), &self.guid])
    }
}

/// A key, filled up with zeros.
fn padded(key: &Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let mut key = key.clone();
    key.resize(KEY_LENGTH, 0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::ipmi::wire::crypto::key;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        assert_eq!(hex.len(), 2 * N);
        std::array::from_fn(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
    }

    fn id(hex: &str) -> u32 {
        u32::from_le_bytes(bytes(hex))
    }

    fn account(user: &str, password: &str, group_key: Option<&str>) -> Account {
        let key = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        let privilege = Privilege::User;
        Account { user: user.into(), key: key(password), group_key: group_key.map(key), privilege }
    }

    /// One published exchange of the user `admin` with the password `password` and the role 14h.
    struct Vector {
        suite: Suite,
        group_key: Option<&'static str>,
        /// Ids of console and BMC, random numbers of both, and the GUID.
        given: [&'static str; 5],
        /// Codes of RAKP 2 and 3, session integrity key, K1, K2, and the code of RAKP 4.
        expected: [&'static str; 6],
    }

    /// Written by ipmitool's own code on OpenSSL and published in the repository `cataggar/ipmitool` (commit
    /// ef7348d3, tests/crypto/vectors/rakp.txt): the cases sha1/admin, sha1/kg, sha256/admin and sha256/kg.
    const IPMITOOL: [Vector; 4] = [
        Vector {
            suite: Suite::Sha1,
            group_key: None,
            given: [
                "a3a2a1a0",
                "b3b2b1b0",
                "959ca3aab1b8bfc6cdd4dbe2e9f0f7fe",
                "b4bbc2c9d0d7dee5ecf3fa01080f161d",
                "d3dae1e8eff6fd040b121920272e353c",
            ],
            expected: [
                "dc9c1006763bd67a9c30c79ef38dc3c1521f5608",
                "a5727f4b67bdba6e8dfcc4d136c1269edbd2537b",
                "fa58d7cfd0ecf026e1c6551c9ea3ab0d8753109c",
                "6cf474a87455fcde98658e517fdee3e81a2be3ae",
                "6940aeb2808f9fa6ff7313004601a5e93763c8cc",
                "ff1fcdf56357a0cfa2972c38",
            ],
        },
        Vector {
            suite: Suite::Sha1,
            group_key: Some("bmckey"),
            given: [
                "000000ff",
                "00ff0000",
                "d3dae1e8eff6fd040b121920272e353c",
                "6e757c838a91989fa6adb4bbc2c9d0d7",
                "0910171e252c333a41484f565d646b72",
            ],
            expected: [
                "faf2ce6a35f878cd1317f1cbfbf4b8396ee9f931",
                "2ae61fc79e93ec62d94ba228aec64bb67dd3224e",
                "495b8197cad445c496d5d8faed561b429bddb212",
                "2938b56c5aa419afa641245acd61431234cfabd3",
                "5202da4860827fc739ac00cdddcea009096e47d2",
                "2df821a0f9fe9eb77b2f05b1",
            ],
        },
        Vector {
            suite: Suite::Sha256,
            group_key: None,
            given: [
                "01000000",
                "00000001",
                "eaf1f8ff060d141b222930373e454c53",
                "b3bac1c8cfd6dde4ebf2f900070e151c",
                "7c838a91989fa6adb4bbc2c9d0d7dee5",
            ],
            expected: [
                "329a9505d640cd46f09df13e9e99dd55db1d44d80f121e066cd507d07b004ef2",
                "7f4b6798ead3a069cda2bf44c60b48a24e4e83a550968d484d4ba04dd9cfa673",
                "2495e6c442fc26f628b8a8ed27ad8fcb216d2d53e0f4a8a7e40ecfbd6f80f4f6",
                "456ad4c1976dd85314f84540b3eb3d32ad4933948a2289b67c814e30ccede8b0",
                "f334d406b7e34c2a5bdad6551d6eabd88afc5990567965f4057f4d6c757052d7",
                "84af2014ebcbe4025480e480bd44d59f",
            ],
        },
        Vector {
            suite: Suite::Sha256,
            group_key: Some("bmckey"),
            given: [
                "000000ff",
                "00ff0000",
                "0910171e252c333a41484f565d646b72",
                "10171e252c333a41484f565d646b7279",
                "171e252c333a41484f565d646b727980",
            ],
            expected: [
                "83dea651a10bfc0e69fb397900fbca4884e0f60376a0833da08eb6d3544794e3",
                "68ff058f1e1ff256847b04e94d5f29431588afe03ff38c2c267a0fef321c3028",
                "54b867dc87c95d3e23b1c2279a9c5ee25d8ab0913dc86a77205c9e2572e9952e",
                "931b4549c25e31ff1cacf3204e91cf27cf35479afd6e48b572defb85c608e479",
                "5e63851068c37fbcb4e631cdc11471566f312fe4519c49839b26537a216cf699",
                "21c5670041ae3ade832a03c14140d491",
            ],
        },
    ];

    #[test]
    fn codes_and_keys_are_those_of_ipmitool_with_both_suites_with_and_without_group_key() {
        for vector in IPMITOOL {
            let account = account("admin", "password", vector.group_key);
            let [console, bmc, ours, theirs, guid] = vector.given;
            let exchange = Exchange {
                suite: vector.suite,
                account: &account,
                console: id(console),
                bmc: id(bmc),
                ours: bytes(ours),
                theirs: bytes(theirs),
                guid: bytes(guid),
            };
            let sik = exchange.sik(0x14);
            let computed = [
                hex(&exchange.rakp2(0x14)),
                hex(&exchange.rakp3(0x14)),
                hex(&sik),
                hex(&key(vector.suite, &sik, 1)),
                hex(&key(vector.suite, &sik, 2)),
                hex(&exchange.rakp4(&sik)),
            ];
            assert_eq!(computed, vector.expected, "{:?} {:?}", vector.suite, vector.group_key);
        }
    }

    /// RAKP 2 with suite 3 as BMCs sent it, published as self-tests of John the Ripper (format `rakp`): what is
    /// digested, its code, user and password.
    #[test]
    fn the_challenge_of_recorded_bmcs_is_proved_with_their_password() {
        const RECORDED: [[&str; 4]; 2] = [
            [
                "a4a3a2a03f0b000094272eb1ba576450b0d98ad10727a9fb0ab83616e099e8bf5f7366c9c03d36a30000000000000000\
                 0000000000000000",
                "0ea27d6d5effaa996e5edc855b944e179a2f2434",
                "root",
                "calvin",
            ],
            [
                "c358d2a72f0c00001135f9b254c274629208b22f1166d94d2eba47f21093e9734355a33593da16f20000000000000000\
                 0000000000000000",
                "41fce60acf2885f87fcafdf658d6f97db12639a9",
                "root",
                "calvin",
            ],
        ];
        for [digested, code, user, password] in RECORDED {
            for (password, proved) in [(password, true), ("other", false)] {
                let account = account(user, password, None);
                let exchange = Exchange {
                    suite: Suite::Sha1,
                    account: &account,
                    console: id(&digested[..8]),
                    bmc: id(&digested[8..16]),
                    ours: bytes(&digested[16..48]),
                    theirs: bytes(&digested[48..80]),
                    guid: bytes(&digested[80..112]),
                };
                assert_eq!(hex(&exchange.rakp2(0x14)) == code, proved, "{user} {password}");
            }
        }
    }
}
