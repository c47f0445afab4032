#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/command.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace sallyport::proto {
namespace {

constexpr auto none = argument_shape::none;
constexpr auto optional_text = argument_shape::optional_text;
constexpr auto text = argument_shape::text;
constexpr auto keyword = argument_shape::keyword;
constexpr auto optional_keyword = argument_shape::optional_keyword;
constexpr auto number = argument_shape::number;
constexpr auto connected = session_stage::connected;
constexpr auto user_given = session_stage::user_given;
constexpr auto logged_in = session_stage::logged_in;
constexpr auto waits = in_transfer::wait;
constexpr auto at_once = in_transfer::now;
constexpr auto no_data = data_use::none;
constexpr auto passive = data_use::passive;
constexpr auto active = data_use::active;
constexpr auto download = data_use::download;
constexpr auto upload = data_use::upload;
constexpr auto listing = data_use::listing;
constexpr std::string_view hash_syntax = "<SP> pathname [<SP> start [<SP> end]]";

// In the order of the enum, since row_of() uses it as an index. Two FEAT lines are not verbs: TVFS describes how CWD and
// other commands read paths (RFC 3659, section 6) and is in the row of CWD; UTF8 (RFC 2640, section 3.2) is in the row of
// OPTS.
constexpr auto rows = std::to_array<command_row>({
    {verb::user, "USER", text, connected, waits, no_data, "", "<SP> user-name", "959 4.1.1"},
    {verb::pass, "PASS", optional_text, connected, waits, no_data, "", "<SP> password", "959 4.1.1"},
    {verb::acct, "ACCT", text, user_given, waits, no_data, "", "<SP> account", "959 4.1.1"},
    {verb::cwd, "CWD", text, logged_in, waits, no_data, "TVFS", "<SP> pathname", "959 4.1.1"},
    {verb::cdup, "CDUP", none, logged_in, waits, no_data, "", "", "959 4.1.1"},
    {verb::smnt, "SMNT", text, logged_in, waits, no_data, "", "<SP> pathname", "959 4.1.1"},
    {verb::quit, "QUIT", none, connected, waits, no_data, "", "", "959 4.1.1"},
    {verb::rein, "REIN", none, connected, waits, no_data, "", "", "959 4.1.1"},
    {verb::port, "PORT", keyword, logged_in, waits, active, "", "<SP> h1,h2,h3,h4,p1,p2", "959 4.1.2"},
    {verb::pasv, "PASV", none, logged_in, waits, passive, "", "", "959 4.1.2"},
    {verb::type, "TYPE", keyword, logged_in, waits, no_data, "", "<SP> A | I | L 8", "959 4.1.2"},
    {verb::stru, "STRU", keyword, logged_in, waits, no_data, "", "<SP> F", "959 4.1.2"},
    {verb::mode, "MODE", keyword, logged_in, waits, no_data, "MODE B", "<SP> S | B", "959 4.1.2"},
    {verb::retr, "RETR", text, logged_in, waits, download, "", "<SP> pathname", "959 4.1.3"},
    {verb::stor, "STOR", text, logged_in, waits, upload, "", "<SP> pathname", "959 4.1.3", true},
    {verb::stou, "STOU", optional_text, logged_in, waits, upload, "", "[<SP> pathname]", "959 4.1.3", true},
    {verb::appe, "APPE", text, logged_in, waits, upload, "", "<SP> pathname", "959 4.1.3", true},
    {verb::allo, "ALLO", keyword, logged_in, waits, no_data, "", "<SP> bytes [<SP> R <SP> bytes]", "959 4.1.3"},
    {verb::rest, "REST", number, logged_in, waits, no_data, "REST STREAM", "<SP> offset", "3659 5"},
    {verb::rnfr, "RNFR", text, logged_in, waits, no_data, "", "<SP> pathname", "959 4.1.3", true},
    {verb::rnto, "RNTO", text, logged_in, waits, no_data, "", "<SP> pathname", "959 4.1.3", true},
    {verb::abor, "ABOR", none, connected, at_once, no_data, "", "", "959 4.1.3"},
    {verb::dele, "DELE", text, logged_in, waits, no_data, "", "<SP> pathname", "959 4.1.3", true},
    {verb::rmd, "RMD", text, logged_in, waits, no_data, "", "<SP> pathname", "959 4.1.3", true},
    {verb::mkd, "MKD", text, logged_in, waits, no_data, "", "<SP> pathname", "959 4.1.3", true},
    {verb::pwd, "PWD", none, logged_in, waits, no_data, "", "", "959 4.1.3"},
    {verb::list, "LIST", optional_text, logged_in, waits, listing, "", "[<SP> pathname]", "959 4.1.3"},
    {verb::nlst, "NLST", optional_text, logged_in, waits, listing, "", "[<SP> pathname]", "959 4.1.3"},
    {verb::site, "SITE", text, logged_in, waits, no_data, "", "<SP> subcommand", "959 4.1.3", true},
    {verb::syst, "SYST", none, connected, waits, no_data, "", "", "959 4.1.3"},
    {verb::stat, "STAT", optional_text, logged_in, at_once, no_data, "", "[<SP> pathname]", "959 4.1.3"},
    {verb::help, "HELP", optional_keyword, connected, waits, no_data, "", "[<SP> command]", "959 4.1.3"},
    {verb::noop, "NOOP", none, connected, waits, no_data, "", "", "959 4.1.3"},
    {verb::auth, "AUTH", keyword, connected, waits, no_data, "AUTH TLS", "<SP> TLS", "4217 4"},
    {verb::pbsz, "PBSZ", number, connected, waits, no_data, "PBSZ", "<SP> 0", "4217 8"},
    {verb::prot, "PROT", keyword, connected, waits, no_data, "PROT", "<SP> C | P", "4217 9"},
    {verb::ccc, "CCC", none, logged_in, waits, no_data, "CCC", "", "4217 6"},
    {verb::feat, "FEAT", none, connected, waits, no_data, "", "", "2389 3"},
    {verb::opts, "OPTS", keyword, connected, waits, no_data, "UTF8", "<SP> command [<SP> options]", "2389 4"},
    {verb::eprt, "EPRT", keyword, logged_in, waits, active, "EPRT", "<SP> |protocol|address|port|", "2428 2"},
    {verb::epsv, "EPSV", optional_keyword, logged_in, waits, passive, "EPSV", "[<SP> 1 | 2 | ALL]", "2428 3"},
    {verb::lang, "LANG", optional_keyword, connected, waits, no_data, "LANG EN*", "[<SP> language]", "2640 4.1"},
    {verb::mdtm, "MDTM", text, logged_in, waits, no_data, "MDTM", "<SP> [YYYYMMDDhhmmss <SP>] pathname", "3659 3"},
    {verb::mlsd, "MLSD", optional_text, logged_in, waits, listing, "", "[<SP> pathname]", "3659 7"},
    {verb::mlst, "MLST", optional_text, logged_in, waits, no_data, "MLST", "[<SP> pathname]", "3659 7"},
    {verb::size, "SIZE", text, logged_in, waits, no_data, "SIZE", "<SP> pathname", "3659 4"},
    {verb::host, "HOST", keyword, connected, waits, no_data, "HOST", "<SP> hostname", "7151 3"},
    {verb::mfmt, "MFMT", text, logged_in, waits, no_data, "MFMT", "<SP> YYYYMMDDhhmmss <SP> pathname",
     "draft-somers-ftp-mfxx 3", true},
    {verb::mff, "MFF", text, logged_in, waits, no_data, "MFF modify;UNIX.mode;", "<SP> fact=value;... <SP> pathname",
     "draft-somers-ftp-mfxx 5", true},
    {verb::hash, "HASH", text, logged_in, waits, no_data, "HASH", "<SP> pathname", "draft-bryan-ftp-hash"},
    {verb::rang, "RANG", keyword, logged_in, waits, no_data, "RANG STREAM", "<SP> first <SP> last", "draft-bryan-ftp-range"},
    {verb::xcrc, "XCRC", text, logged_in, waits, no_data, "XCRC", hash_syntax, "none"},
    {verb::xmd5, "XMD5", text, logged_in, waits, no_data, "XMD5", hash_syntax, "none"},
    {verb::xsha1, "XSHA1", text, logged_in, waits, no_data, "XSHA1", hash_syntax, "none"},
    {verb::xsha256, "XSHA256", text, logged_in, waits, no_data, "XSHA256", hash_syntax, "none"},
    {verb::xsha512, "XSHA512", text, logged_in, waits, no_data, "XSHA512", hash_syntax, "none"},
    {verb::avbl, "AVBL", optional_text, logged_in, waits, no_data, "AVBL", "[<SP> pathname]",
     "draft-peterson-streamlined-ftp-command-extensions"},
    {verb::clnt, "CLNT", optional_text, connected, waits, no_data, "", "[<SP> client-name]", "none"},
});
static_assert(rows.size() == static_cast<std::size_t>(verb::unknown));
static_assert([] {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (static_cast<std::size_t>(rows[i].id) != i || rows[i].name.size() > 8) return false;
    }
    return true;
}());

struct alias {
    std::string_view name;
    verb id;
};
constexpr auto aliases = std::to_array<alias>(
    {{"XCWD", verb::cwd}, {"XCUP", verb::cdup}, {"XPWD", verb::pwd}, {"XMKD", verb::mkd}, {"XRMD", verb::rmd}});

// Up to eight letters and digits in one number, in upper case; 0 if the text cannot be a verb.
[[nodiscard]] constexpr std::uint64_t pack(std::string_view name) noexcept {
    if (name.empty() || name.size() > 8) return 0;
    std::uint64_t key = 0;
    for (const char c : name) {
        if (!is_alpha(c) && !is_digit(c)) return 0;
        key = (key << 8U) | static_cast<unsigned char>(to_upper(c));
    }
    return key;
}

// A hash table from packed names to verbs, with open addressing, filled at compile time.
class verb_index {
public:
    constexpr verb_index() {
        for (const auto& row : rows) insert(row.name, row.id);
        for (const auto& other : aliases) insert(other.name, other.id);
    }
    [[nodiscard]] constexpr verb find(std::string_view name) const noexcept {
        const auto key = pack(name);
        if (key == 0) return verb::unknown;
        for (auto i = slot(key);; i = (i + 1) % slots_.size()) {
            if (slots_[i].key == key) return slots_[i].id;
            if (slots_[i].key == 0) return verb::unknown;
        }
    }

private:
    struct entry {
        std::uint64_t key = 0;
        verb id = verb::unknown;
    };
    [[nodiscard]] static constexpr std::size_t slot(std::uint64_t key) noexcept {
        return (key * 0x9e3779b97f4a7c15U) >> 56U;
    }
    constexpr void insert(std::string_view name, verb id) {
        auto i = slot(pack(name));
        while (slots_[i].key != 0) i = (i + 1) % slots_.size();
        slots_[i] = {pack(name), id};
    }

    // The top eight bits of the hash are the index.
    std::array<entry, 256> slots_{};
};
constexpr verb_index index;
static_assert(index.find("retr") == verb::retr && index.find("XPWD") == verb::pwd && index.find("GET") == verb::unknown);

[[nodiscard]] bool fits(argument_shape shape, std::string_view argument) noexcept {
    switch (shape) {
        case argument_shape::none: return argument.empty();
        case argument_shape::optional_text:
        case argument_shape::optional_keyword: return true;
        case argument_shape::text:
        case argument_shape::keyword: return !argument.empty();
        case argument_shape::number: return parse_decimal(argument).has_value();
    }
    return false;
}

[[nodiscard]] std::string refusal(const command_row& row) {
    std::string why(row.name);
    if (row.argument == argument_shape::none) return why + " takes no argument.";
    why += row.argument == argument_shape::number ? " requires a number from 0 to 9223372036854775807: "
                                                  : " requires an argument: ";
    why += row.name;
    why += ' ';
    why += row.syntax;
    return why;
}

[[nodiscard]] bool is_version_of(std::string_view word, std::string_view protocol) noexcept {
    return word.size() > protocol.size() + 1 && word.starts_with(protocol) && word[protocol.size()] == '/' &&
           is_digit(word[protocol.size() + 1]);
}

}  // namespace

std::span<const command_row> command_table() noexcept { return rows; }
const command_row& row_of(verb id) noexcept { return rows[static_cast<std::size_t>(id)]; }
data_use data_use_of(verb id) noexcept { return id == verb::unknown ? data_use::none : row_of(id).data; }
verb find_verb(std::string_view name) noexcept { return index.find(name); }

result<command> parse_command(std::string_view line) {
    const auto blank = line.find(' ');
    const auto name = line.substr(0, blank);
    if (name.empty()) return fail(errc::syntax, "A line starts with a command; send HELP for a list.");
    if (std::ranges::any_of(line, is_control)) return fail(errc::syntax, "Control characters are not allowed in a command.");
    auto argument = blank == std::string_view::npos ? std::string_view() : line.substr(blank + 1);
    const verb id = index.find(name);
    if (id != verb::unknown && !is_name(row_of(id).argument)) argument = without_trailing_blanks(argument);
    // Some clients send the parent as the argument of CDUP.
    if (id == verb::cdup && argument == "..") argument = {};
    if (id != verb::unknown && !fits(row_of(id).argument, argument)) return fail(errc::syntax, refusal(row_of(id)));
    return command{id, to_upper(name), std::string(argument)};
}

result<std::string> format_command(std::string_view name, std::string_view argument) {
    constexpr std::string_view forbidden("\r\n\0", 3);
    if (argument.find_first_of(forbidden) != std::string_view::npos ||
        name.find_first_of(forbidden) != std::string_view::npos) {
        return fail(errc::name_invalid,
                    "A line break or NUL cannot be sent in an FTP command; rename the file or quote "
                    "the name without it");
    }
    std::string line;
    line.reserve(name.size() + argument.size() + 3);
    line += name;
    if (!argument.empty()) {
        line += ' ';
        line += argument;
    }
    line += "\r\n";
    return line;
}

bool begins_tls(std::string_view bytes) noexcept { return bytes.starts_with('\x16'); }

bool acts_during_transfer(const command& cmd) noexcept {
    return cmd.id != verb::unknown && cmd.argument.empty() && row_of(cmd.id).during_transfer == in_transfer::now;
}

bool is_foreign_protocol(std::string_view line) noexcept {
    // A TLS handshake record, or SSH.
    if (line.starts_with("\x16\x03") || line.starts_with("SSH-")) return true;
    const auto name = line.substr(0, line.find(' '));
    if (iequals(name, "EHLO") || iequals(name, "HELO")) return true;
    // HTTP, SIP and RTSP end their first line with a version. A file may have such a name, after an FTP verb.
    const auto last = line.substr(line.rfind(' ') + 1);
    return index.find(name) == verb::unknown &&
           (is_version_of(last, "HTTP") || is_version_of(last, "SIP") || is_version_of(last, "RTSP"));
}

std::string mask_secrets(std::string_view line) {
    // Invalid lines are masked too: "  pass x" or "PASS\tx" contains a password.
    const auto start = std::min(line.find_first_not_of(" \t"), line.size());
    const auto name = line.substr(start, 4);
    if ((!iequals(name, "PASS") && !iequals(name, "ACCT")) || line.size() <= start + 4) return std::string(line);
    return std::string(line.substr(0, start + 4)) + " ****";
}

}  // namespace sallyport::proto
