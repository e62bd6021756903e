//! The pages of identity's problems: what a code means and what to do about it.

use galen_service::ProblemPage;

/// All of them.
pub(crate) const PAGES: &[ProblemPage] = &[
    ProblemPage {
        code: "INVALID_CREDENTIALS",
        title: "The user name or the password is wrong.",
        advice: "Let the person correct them or ask for a new password. A locked account answers the same.",
    },
    ProblemPage {
        code: "TOO_MANY_ATTEMPTS",
        title: "There were too many failed attempts.",
        advice: "Wait for the seconds of `Retry-After`; the pause doubles with each further failure, up to 15 minutes. Failures are counted per account, apart for addresses from which it has logged in before, and per address. A new password, chosen by the link in a message, ends the pause of an account.",
    },
    ProblemPage {
        code: "MFA_REQUIRED",
        title: "This account asks for a one-time code as well.",
        advice: "Ask the person for the code that their authenticator shows, or for a backup code, and send everything again with it as `mfaCode`.",
    },
    ProblemPage {
        code: "INVALID_MFA_CODE",
        title: "The one-time code is wrong or was used before.",
        advice: "Each code works once. Wait for the next one; if none is accepted, check the time of the device that shows them. Wrong codes count like wrong passwords.",
    },
    ProblemPage {
        code: "SECOND_FACTOR_ENROLLED",
        title: "The account has an authenticator.",
        advice: "Remove it with `DELETE /auth/mfa/totp` before another one is enrolled.",
    },
    ProblemPage {
        code: "NO_SECOND_FACTOR",
        title: "The account has no authenticator.",
        advice: "Enrol one with `POST /auth/mfa/totp`.",
    },
    ProblemPage {
        code: "OVERLOADED",
        title: "Too many logins at this moment.",
        advice: "Try again after the seconds of `Retry-After`.",
    },
    ProblemPage {
        code: "INVALID_REFRESH_TOKEN",
        title: "The refresh token does not work; log in again.",
        advice: "Each refresh token works once. Refresh from one place at a time, and keep the newest token: a second use of a token ends the session.",
    },
    ProblemPage {
        code: "DIRECTORY_NOT_CONFIGURED",
        title: "This hospital has no directory to log in through.",
        advice: "Log in with a user name and a password. An operator sets `identity.directory.issuer`.",
    },
    ProblemPage {
        code: "DIRECTORY_UNAVAILABLE",
        title: "The hospital's directory does not answer.",
        advice: "Try again after the seconds of `Retry-After`. Logins with a password go on.",
    },
    ProblemPage {
        code: "DIRECTORY_LOGIN_REFUSED",
        title: "This login through the directory cannot be completed; begin again.",
        advice: "A login completes once, within ten minutes, in the browser that began it. If beginning again does not help, the log says why: the directory's answer is not genuine, or the account is locked.",
    },
    ProblemPage {
        code: "DIRECTORY_IDENTITY_UNKNOWN",
        title: "The directory knows you, but you have no account here.",
        advice: "Ask an administrator to link your account: `POST /users/{id}/directory-identity`.",
    },
    ProblemPage {
        code: "DIRECTORY_ROLE_MISSING",
        title: "None of your groups in the directory gives a role here.",
        advice: "Ask for a group that does. An operator says which those are in `identity.directory.roles`.",
    },
    ProblemPage {
        code: "DIRECTORY_IDENTITY_TAKEN",
        title: "They of the directory have an account.",
        advice: "Part them from that account first: `DELETE /users/{id}/directory-identity`.",
    },
    ProblemPage {
        code: "ACCOUNT_HAS_DIRECTORY_IDENTITY",
        title: "The account belongs to somebody of the directory.",
        advice: "Part it from them first: `DELETE /users/{id}/directory-identity`.",
    },
    ProblemPage {
        code: "USERNAME_TAKEN",
        title: "This user name is taken.",
        advice: "Choose another one; case makes no difference.",
    },
    ProblemPage {
        code: "PRACTITIONER_HAS_ACCOUNT",
        title: "The practitioner has another account.",
        advice: "Change that account, or remove its link to the practitioner first.",
    },
    ProblemPage {
        code: "LAST_ADMINISTRATOR",
        title: "Nobody would be left who can administer.",
        advice: "Give somebody else who can log in the role ADMIN first.",
    },
    ProblemPage {
        code: "ROLE_TOO_WIDE",
        title: "The role would permit more than you may.",
        advice: "The detail names the permission. Ask somebody who has it, or leave it out.",
    },
    ProblemPage {
        code: "ROLE_NAME_TAKEN",
        title: "There is a role of this name.",
        advice: "Choose another name, or change that role with `PUT /roles/{name}`. Names of built-in roles are taken.",
    },
    ProblemPage {
        code: "CLIENT_IS_PUBLIC",
        title: "A public client has no secret.",
        advice: "Register a confidential client when the application can keep a secret: a server can, a browser or a telephone cannot.",
    },
    ProblemPage {
        code: "ROLE_IS_BUILT_IN",
        title: "Built-in roles stay as they are.",
        advice: "Make a role of your own with the permissions that you want, and give that.",
    },
    ProblemPage {
        code: "PASSKEY_NOT_ACCEPTED",
        title: "The passkey is not accepted.",
        advice: "Begin again with new options: each is answered once, within five minutes. A key that is not registered and a locked account answer the same; log in with the password and look at `GET /auth/passkeys`.",
    },
    ProblemPage {
        code: "PASSKEY_POSSIBLY_COPIED",
        title: "The passkey may have been copied.",
        advice: "Its counter has not risen since it was last used, so two devices seem to hold it. Log in another way, remove the passkey and register a new one.",
    },
    ProblemPage {
        code: "CEREMONY_OVER",
        title: "This registration was completed, has expired, or is not yours; begin again.",
        advice: "Ask for new options: each is answered once, within five minutes, in the session that asked; newer options replace older ones.",
    },
    ProblemPage {
        code: "TOO_MANY_PASSKEYS",
        title: "The account has as many passkeys as it may have.",
        advice: "Remove one that is not used any more; `GET /auth/passkeys` says when each was last used.",
    },
    ProblemPage {
        code: "PASSKEY_REGISTERED",
        title: "The passkey is registered already.",
        advice: "It can be used as it is. If it is registered for another account, make a new one on another authenticator.",
    },
    ProblemPage {
        code: "PASSKEYS_NEED_A_DOMAIN",
        title: "This hospital is reached by an IP address, which passkeys cannot be bound to.",
        advice: "Set `identity.public_url` to an address with a domain, over HTTPS.",
    },
];
