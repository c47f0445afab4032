#include <sallyport/diagnosis/refusal_words.hpp>

#include <algorithm>

#include <sallyport/base/ascii.hpp>

namespace sallyport::diagnosis {

bool contains_any(std::string_view text, std::initializer_list<std::string_view> parts) noexcept {
    return std::ranges::any_of(parts, [text](std::string_view part) { return text.contains(part); });
}

bool says(std::string_view text, std::initializer_list<std::string_view> phrases) noexcept {
    return std::ranges::any_of(phrases, [text](std::string_view phrase) {
        for (auto at = text.find(phrase); at != text.npos; at = text.find(phrase, at + 1))
            if (at == 0 || !is_alpha(text[at - 1])) return true;
        return false;
    });
}

// vsftpd: "Non-anonymous sessions must use encryption." ProFTPD, pyftpdlib: "SSL/TLS required on the control channel".
// Pure-FTPd: "421 Sorry, cleartext sessions and weak ciphers are not accepted". IIS: "534 Policy requires SSL."
// FileZilla Server: "503 Use AUTH first."
bool asks_for_tls(int reply_code, std::string_view text, bool before_login) noexcept {
    const bool words = says(text, {"tls", "ssl", "ftps", "ftpes", "encrypt", "unencrypted", "cleartext", "clear text",
                                   "clear-text", "plaintext", "plain text", "plain ftp", "secure connection",
                                   "secure control", "secure session", "use auth", "send auth", "auth first"});
    switch (reply_code) {
        // RFC 4217, section 12.9: data connections have to be encrypted.
        case 521:
        // RFC 2228: the protection level of the command or of the data is not sufficient.
        case 533:
        case 534: return true;
        case 522:
        case 530: return words;
        default: return before_login && words;
    }
}

// OpenSSL: "hostname mismatch"; curl: "no alternative certificate subject name matches ..."; GnuTLS: "does not match".
bool names_other_host(std::string_view text) noexcept {
    return contains_any(text, {"mismatch", "doesn't match", "does not match", "subject name"});
}

}  // namespace sallyport::diagnosis
