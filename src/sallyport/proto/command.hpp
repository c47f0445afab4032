#pragma once
// FTP commands: the verbs, a table with their properties, and the parser and writer that use it.
//
// command_table() is the only list of verbs in the program: the parser, the dispatcher, HELP and FEAT use it. Values; any
// thread.

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
    // draft-somers-ftp-mfxx: set a modification time and other facts
    mfmt,
    mff,
    // draft-bryan-ftp-hash and draft-bryan-ftp-range: hashes of files, parts of files
    hash,
    rang,
    // Hashes of files, as other servers have them.
    xcrc,
    xmd5,
    xsha1,
    xsha256,
    xsha512,
    // draft-peterson-streamlined-ftp-command-extensions: the space for uploads
    avbl,
    // Known by name only: answered without any effect.
    clnt,
    unknown,
};

/// The argument of a verb. Some clients pad their lines: trailing blanks of a keyword or a number are ignored, but those of
/// a name belong to the name.
enum class argument_shape : std::uint8_t {
    // Any text after the verb is refused with 501.
    none,
    // A name, or nothing.
    optional_text,
    // A name: all bytes after one blank.
    text,
    // A keyword, or nothing.
    optional_keyword,
    // One or more keywords, numbers or addresses.
    keyword,
    // A decimal number from 0 to 2^63-1 (IN-11).
    number,
};
/// True if blanks at the end belong to the argument.
[[nodiscard]] constexpr bool is_name(argument_shape shape) noexcept {
    return shape == argument_shape::text || shape == argument_shape::optional_text;
}

/// The first stage of a session in which a verb is allowed. Before it the reply is 530 or 503.
enum class session_stage : std::uint8_t { connected, user_given, logged_in };

/// When a verb is executed that arrives during a transfer (IN-05, IN-06).
enum class in_transfer : std::uint8_t {
    // After the transfer's own reply.
    wait,
    // Immediately: ABOR, and STAT without an argument.
    now,
};

/// How a verb uses the data connection: two values for data methods, three for transfers.
enum class data_use : std::uint8_t {
    none,
    // The client will open the data connection.
    passive,
    // The server will open the data connection.
    active,
    // A file to the client.
    download,
    // A file from the client.
    upload,
    // A listing to the client.
    listing,
};

struct command_row {
    verb id;
    // In upper case.
    std::string_view name;
    argument_shape argument;
    session_stage earliest;
    in_transfer during_transfer;
    data_use data;
    // The line in FEAT; empty if there is none. The server completes lines with variable parts.
    std::string_view feat;
    // For HELP, without the verb: "<SP> pathname".
    std::string_view syntax;
    // "959 4.1.3".
    std::string_view rfc;
    // The command changes files or directories of the server.
    bool changes = false;
};

[[nodiscard]] std::span<const command_row> command_table() noexcept;
/// REQUIRES: id != verb::unknown.
[[nodiscard]] const command_row& row_of(verb id) noexcept;
/// data_use::none for verb::unknown.
[[nodiscard]] data_use data_use_of(verb id) noexcept;

struct command {
    verb id = verb::unknown;
    // The verb as sent, in upper case, for replies and logs about unknown verbs.
    std::string name;
    // The bytes after the first blank; unchanged if they are a name.
    std::string argument;

    friend bool operator==(const command&, const command&) = default;
};

/// The verb of that name or alias, whatever its case; verb::unknown if there is none. For names without an argument.
[[nodiscard]] verb find_verb(std::string_view name) noexcept;

/// Parses one line without its end. Verbs are case-insensitive; XCWD, XCUP, XPWD, XMKD and XRMD (RFC 775) are taken as CWD,
/// CDUP, PWD, MKD and RMD. "CDUP .." is CDUP. errc::syntax if there is no verb, or if the argument does not fit the table
/// (reply 501). An unknown verb is not an error.
[[nodiscard]] result<command> parse_command(std::string_view line);

/// "RETR name\r\n". errc::name_invalid if the argument contains CR, LF or NUL (CL-02); such a command is never sent.
[[nodiscard]] result<std::string> format_command(std::string_view name, std::string_view argument = {});

/// True if a first line belongs to another protocol (HTTP, TLS, SSH, SIP, SMTP); the session then ends (GW-01, TLS-07).
[[nodiscard]] bool is_foreign_protocol(std::string_view line) noexcept;

/// True if the first bytes of a connection are those of a TLS record: a ClientHello may contain no line end.
[[nodiscard]] bool begins_tls(std::string_view bytes) noexcept;

/// True if the command is executed during a transfer, and not deferred until the transfer has finished (IN-05, IN-06).
[[nodiscard]] bool acts_during_transfer(const command& cmd) noexcept;

/// The line with the argument of PASS and ACCT replaced by "****", for transcripts and logs (S7).
[[nodiscard]] std::string mask_secrets(std::string_view line);

}  // namespace sallyport::proto
