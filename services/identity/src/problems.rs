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
        title: "This user name failed to log in too often.",
        advice: "Wait for the seconds of `Retry-After`; the pause doubles with each further failure, up to 15 minutes. A new password ends it.",
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
];
