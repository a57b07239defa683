//! The sentences that people read, by validation code.

/// Our usual sentence for a validation code; a general one for codes without their own.
#[must_use]
pub fn wording(code: &str) -> &'static str {
    match code {
        "required" => "Please fill this in.",
        "invalid" => "This does not look right.",
        "invalid_email" => "Please enter an email address, such as name@example.com.",
        "invalid_username" => "Please use only letters, digits and the signs @ . + - _",
        "null_characters_not_allowed" => "This contains a character that cannot be stored. Please type it again.",
        "max_length" => "This is too long.",
        "unique" => "This name is taken. Please choose another.",
        "invalid_choice" => "Please choose one of the options.",
        "invalid_login" => {
            "That username and password do not belong together. Check both; capital and small letters may differ."
        }
        "inactive" => "This account has been closed.",
        "session_limit" => "You are signed in at as many places as you may be. Log out at one of them and try again.",
        "throttled" => {
            "That was tried too often. Please wait a little and try again, or choose a new password by mail."
        }
        "password_mismatch" => "The two passwords are not the same.",
        "password_incorrect" => "That is not your current password.",
        "password_too_short" => "This password is too short.",
        "password_too_similar" => "This password is too much like your other details.",
        "password_too_common" => "Too many people use this password, so it is easy to guess.",
        "password_entirely_numeric" => "A password needs more than digits.",
        "password_too_long" => "This password is too long.",
        _ => "This cannot be accepted.",
    }
}
