#pragma once
// FTP commands: the verbs, one table of what is known about each, and the parser and writer that follow it.
//
// The table (command_table()) is the only list of verbs in the program: parser, dispatcher, HELP and FEAT come from it.
// Values; any thread.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>

namespace sallyport::proto {

enum class verb : std::uint8_t {
    // RFC 959
    user,
    pass,
    acct,
    cwd,
    cdup,
    smnt,
    quit,
    rein,
    port,
    pasv,
    type,
    stru,
    mode,
    retr,
    stor,
    stou,
    appe,
    allo,
    rest,
    rnfr,
    rnto,
    abor,
    dele,
    rmd,
    mkd,
    pwd,
    list,
    nlst,
    site,
    syst,
    stat,
    help,
    noop,
    // RFC 2228 and 4217
    auth,
    pbsz,
    prot,
    ccc,
    // RFC 2389
    feat,
    opts,
    // RFC 2428
    eprt,
    epsv,
    // RFC 2640
    lang,
    // RFC 3659
    mdtm,
    mlsd,
    mlst,
    size,
    // RFC 7151
    host,
    // draft-somers-ftp-mfxx: set a modification time
    mfmt,
    // Known by name only; answered, never acted on
    clnt,
    unknown,
};

/// What follows a verb. Some clients pad their lines: blanks at the end of a keyword or a number mean nothing, but those of
/// a name belong to it.
enum class argument_shape : std::uint8_t {
    none,              // anything after the verb is 501
    optional_text,     // a name, or nothing
    text,              // a name, taken as it stands after one blank
    optional_keyword,  // a keyword, or nothing
    keyword,           // one or more keywords, numbers or addresses
    number,            // a plain decimal in 0..2^63-1 (IN-11)
};
/// Its blanks belong to it.
[[nodiscard]] constexpr bool is_name(argument_shape shape) noexcept {
    return shape == argument_shape::text || shape == argument_shape::optional_text;
}

/// The earliest state of a session in which a verb may be used. Before it: 530 or 503.
enum class session_stage : std::uint8_t { connected, user_given, logged_in };

/// What happens to a verb that arrives while a transfer runs (IN-05, IN-06).
enum class in_transfer : std::uint8_t {
    wait,  // answered in its turn, after the transfer's own reply
    now,   // ABOR and STAT without argument
};

/// What a verb has to do with the data connection: two ways to agree on one, three to use it.
enum class data_use : std::uint8_t {
    none,
    passive,   // the client will connect
    active,    // the client will be connected to
    download,  // a file, to the client
    upload,    // a file, from the client
    listing,   // to the client
};

struct command_row {
    verb id;
    std::string_view name;  // upper case
    argument_shape argument;
    session_stage earliest;
    in_transfer during_transfer;
    data_use data;
    std::string_view feat;    // its line in FEAT, empty where it has none; dynamic lines are completed by the server
    std::string_view syntax;  // for HELP, without the verb: "<SP> pathname"
    std::string_view rfc;     // "959 4.1.3"
    bool changes = false;     // what lies on the server
};

[[nodiscard]] std::span<const command_row> command_table() noexcept;
[[nodiscard]] const command_row& row_of(verb id) noexcept;  // REQUIRES: id != verb::unknown
[[nodiscard]] data_use data_use_of(verb id) noexcept;       // none for verb::unknown

struct command {
    verb id = verb::unknown;
    std::string name;      // as sent, upper-cased; for replies and logs about unknown verbs
    std::string argument;  // the bytes after the first blank; as they stand where they are a name

    friend bool operator==(const command&, const command&) = default;
};

/// One line without its end. Verbs are case-insensitive; XCWD, XCUP, XPWD, XMKD and XRMD (RFC 775) are their plain forms.
/// "CDUP .." is CDUP. errc::syntax: no verb at all, or a shape the table refuses (reply 501). An unknown verb is not an
/// error.
[[nodiscard]] result<command> parse_command(std::string_view line);

/// "RETR name\r\n". errc::name_invalid where the argument holds CR, LF or NUL (CL-02): nothing is ever sent then.
[[nodiscard]] result<std::string> format_command(std::string_view name, std::string_view argument = {});

/// A first line that belongs to another protocol (HTTP, TLS, SSH, SIP, SMTP): the session ends at once (GW-01, TLS-07).
[[nodiscard]] bool is_foreign_protocol(std::string_view line) noexcept;

/// The same by a connection's first bytes alone: a TLS ClientHello holds no line end for long, and its record type is
/// telling enough.
[[nodiscard]] bool begins_tls(std::string_view bytes) noexcept;

/// Whether it is obeyed at once while a transfer runs, and not held back until that is over (IN-05, IN-06).
[[nodiscard]] bool acts_during_transfer(const command& cmd) noexcept;

/// For transcripts and logs: the line with the argument of PASS and ACCT replaced by "****" (S7).
[[nodiscard]] std::string mask_secrets(std::string_view line);

}  // namespace sallyport::proto
