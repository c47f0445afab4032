#include <sallyport/doctor/transcript.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <map>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/diagnosis/refusal_words.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/secret_text.hpp>

namespace sallyport::doctor {

namespace {

using diagnosis::contains_any;
using kind = session_event::kind;
using event = std::optional<session_event>;

[[nodiscard]] bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

[[nodiscard]] bool is_number(std::string_view text) { return !text.empty() && std::ranges::all_of(text, is_digit); }

/// The text between two marks; empty if they are not there.
[[nodiscard]] std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
    const auto begin = text.find(before);
    if (begin == text.npos) return {};
    text.remove_prefix(begin + before.size());
    return text.substr(0, std::min(text.find(after), text.size()));
}

/// Whether a text begins as a reply does: "227 " or "211-".
[[nodiscard]] bool is_reply(std::string_view text) {
    return text.size() >= 3 && text[0] >= '1' && text[0] <= '5' && is_number(text.substr(0, 3)) &&
           (text.size() == 3 || text[3] == ' ' || text[3] == '-');
}

}  // namespace

session_event command_event(std::string_view text) {
    session_event out{.what = kind::command};
    const auto blank = std::min(text.find(' '), text.size());
    const auto verb = to_lower(text.substr(0, blank));
    const bool secret = verb == "pass" || verb == "acct";
    out.text = secret || verb == "user" ? std::string_view(verb) : text;
    if (secret) out.secret = text.substr(std::min(blank + 1, text.size()));
    return out;
}

session_event reply_event(std::string_view text) { return {.what = session_event::kind::reply, .text = std::string(text)}; }

namespace {

[[nodiscard]] session_event command_or_reply(std::string_view text) {
    return is_reply(text) ? reply_event(text) : command_event(text);
}

[[nodiscard]] event connecting_to(std::string_view address, std::string_view port) {
    const auto parsed = ip_address::parse(address);
    std::uint16_t number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    if (!parsed || number == 0) return std::nullopt;
    return session_event{.what = kind::connecting, .at = endpoint{*parsed, number}};
}

/// Failures only: programs report what they verify, and verified, and errors that the user has permitted (curl -k: "verify
/// result: self-signed certificate (18), continuing anyway").
[[nodiscard]] bool is_distrust(std::string_view words) {
    // Of Python.
    if (has(words, "certificate_verify_failed")) return true;
    return has(words, "certificate") &&
           contains_any(words, {"certificate problem", "no alternative certificate", "does not match", "doesn't match",
                                "mismatch", "not trusted", "untrusted", "verification failed", "verify failed",
                                // lftp: "**** Fatal error: Certificate verification: ..."
                                "certificate verification:", "check failed", "was not ok", "rejected", "is not known"});
}

/// What a client program says of a connection that failed.
[[nodiscard]] event failure_in(std::string_view text) {
    const auto words = to_lower(text);
    if (is_distrust(words)) return session_event{.what = kind::untrusted, .text = std::string(text)};
    if (has(words, "refused")) return session_event{.what = kind::refused};
    if (has(words, "timed out") || has(words, "timeout") || has(words, "time-out") || has(words, "timed_out") ||
        has(words, "timedout"))
        return session_event{.what = kind::timed_out};
    if (has(words, "no route") || has(words, "unreachable")) return session_event{.what = kind::unreachable};
    return std::nullopt;
}

/// The line with which a client program ends because its command has failed.
[[nodiscard]] event last_word(std::string_view line) {
    auto out = failure_in(line).value_or(session_event{.what = kind::failed});
    out.text = line;
    out.is_last_word = true;
    return out;
}

/// "sallyport get: getting /file from 192.0.2.1:21: ...", and no warning or advice of the same form.
[[nodiscard]] bool is_own_error(std::string_view line) {
    if (!line.starts_with("sallyport get: ") && !line.starts_with("sallyport put: ") && !line.starts_with("sallyport ls: "))
        return false;
    const auto text = line.substr(line.find(": ") + 2);
    return !text.starts_with("warning: ") && !text.starts_with("to find the cause, run: ") &&
           !text.starts_with("partial file kept in ");
}

/// Before the text of curl may be its progress meter.
[[nodiscard]] std::string_view without_meter(std::string_view line) {
    const auto at = line.rfind(":--:--");
    if (at == line.npos) return line;
    line.remove_prefix(at + std::string_view(":--:--").size());
    return line.substr(std::min(line.find_first_not_of(" 0123456789.kMG"), line.size()));
}

[[nodiscard]] event curl_line(std::string_view line) {
    line = without_meter(line);
    if (line.starts_with("> ")) return command_event(line.substr(2));
    if (line.starts_with("< ")) return reply_event(line.substr(2));
    if (line.starts_with("curl: (") || is_own_error(line)) return last_word(line);
    if (!line.starts_with("* ")) return std::nullopt;
    if (line.starts_with(no_reply)) {
        auto out = failure_in(line);
        if (out) out->text = no_reply;
        return out;
    }
    if (const auto at = between(line, "Trying ", "..."); !at.empty()) {
        const auto to = endpoint::parse(at);
        if (to) return session_event{.what = kind::connecting, .at = to};
    }
    if (const auto at = between(line, "onnecting to ", " "); !at.empty()) {
        const auto to = endpoint::parse(at);
        if (to) return session_event{.what = kind::connecting, .at = to};
    }
    return failure_in(line);
}

[[nodiscard]] event lftp_line(std::string_view line) {
    if (line.starts_with("---> ")) return command_event(line.substr(5));
    if (line.starts_with("<--- ")) return reply_event(line.substr(5));
    if (line.starts_with("---- Connecting")) return connecting_to(between(line, "(", ")"), between(line, ") port ", " "));
    if (line.starts_with("**** ")) return failure_in(line);
    return std::nullopt;
}

[[nodiscard]] event ncftp_line(std::string_view line) {
    if (line.starts_with("Cmd: ")) return command_event(line.substr(5));
    if (line.size() > 4 && line[3] == ':' && is_number(line.substr(0, 3)))
        return reply_event(std::string(line.substr(0, 3)) + std::string(line.substr(4)));
    if (line.starts_with("Data connection to ") || line.starts_with("Could not connect")) return failure_in(line);
    return std::nullopt;
}

[[nodiscard]] event python_line(std::string_view line) {
    if (line.starts_with("*cmd* ")) return command_event(between(line, "'", "'"));
    if (line.starts_with("*resp* ")) {
        auto text = line.substr(std::string_view("*resp* ").size());
        if (text.size() >= 2) text = text.substr(1, text.size() - 2);
        return reply_event(text.substr(0, text.find("\\n")));
    }
    // The last line of a traceback.
    const auto name = line.substr(0, line.find(':'));
    if (name.starts_with("ftplib.error_")) return last_word(line);
    if (has(name, "Error") || has(name, "timeout")) return failure_in(line);
    return std::nullopt;
}

/// "> 2026-11-30 10:00:00.000 PASV"
[[nodiscard]] event winscp_line(std::string_view line) {
    constexpr std::size_t prefix = 26;
    if (line.size() < prefix || line[1] != ' ' || line[6] != '-' || line[15] != ':') return std::nullopt;
    const auto text = line.substr(prefix);
    if (line[0] == '>') return command_event(text);
    if (line[0] == '<') return reply_event(text);
    return line[0] == '.' ? failure_in(text) : std::nullopt;
}

[[nodiscard]] event filezilla_line(std::string_view line) {
    const auto after = [line](std::string_view mark) {
        const auto at = line.find(mark);
        if (at == line.npos) return std::string_view();
        auto text = line.substr(at + mark.size());
        return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
    };
    if (const auto text = after("Command:"); !text.empty()) return command_event(text);
    if (const auto text = after("Response:"); !text.empty()) return reply_event(text);
    if (const auto text = after("Error:"); !text.empty()) return failure_in(text);
    if (const auto text = after("Status:"); text.starts_with("Connecting to ")) {
        auto at = text.substr(std::string_view("Connecting to ").size());
        at = at.substr(0, at.find("..."));
        if (const auto to = endpoint::parse(at)) return session_event{.what = kind::connecting, .at = to};
    }
    return std::nullopt;
}

/// "2026-11-30T00:53:28.521+01:00"; 0 if it is no such time.
[[nodiscard]] std::int64_t seconds_of(std::string_view iso) {
    constexpr std::size_t fraction = 19;
    constexpr std::size_t zone_size = 6;
    const auto zone = iso.substr(std::min(iso.find_first_of("+-", fraction), iso.size()));
    if (zone.size() != zone_size || zone[3] != ':') return 0;
    std::string digits;
    for (const char c : iso.substr(0, fraction))
        if (is_digit(c)) digits += c;
    const auto local = proto::parse_time(digits);
    const auto hours = parse_decimal(zone.substr(1, 2));
    const auto minutes = parse_decimal(zone.substr(4));
    if (!local || !hours || !minutes) return 0;
    const auto offset = static_cast<std::int64_t>(*hours * 60 + *minutes) * 60;
    return zone.front() == '+' ? *local - offset : *local + offset;
}

/// "2026-11-30T00:53:28.521+00:00 D [mx2k0pcm-9] > PASV"
[[nodiscard]] event sallyport_line(std::string_view line) {
    const auto open = line.find(" [");
    const auto close = line.find("] ", open);
    if (line.size() < 30 || line[10] != 'T' || open == line.npos || close == line.npos) return std::nullopt;
    const auto text = line.substr(close + 2);
    event out;
    if (text.starts_with("> ")) {
        out = command_event(text.substr(2));
    } else if (text.starts_with("< ")) {
        out = reply_event(text.substr(2));
    } else if (text.starts_with("Connection accepted from ")) {
        out = session_event{.what = kind::opened, .at = endpoint::parse(text.substr(text.rfind(' ') + 1))};
        if (const auto from = endpoint::parse(between(text, " from ", " "))) {
            out->client = from->address;
            out->client_port = from->port;
        }
    } else if (text.starts_with("Session ended by ") && text.find("; ") != text.npos) {
        out = session_event{.what = kind::closed};
    } else {
        return std::nullopt;
    }
    out->session = line.substr(open + 2, close - open - 2);
    out->seconds = seconds_of(line.substr(0, line.find(' ')));
    return out;
}

/// The client's address is the name of the session: vsftpd does not number them.
[[nodiscard]] event of_client(event out, std::string_view address) {
    if (!out) return out;
    out->session = address;
    // "::ffff:192.0.2.1" too.
    out->client = ip_address::parse(address);
    return out;
}

[[nodiscard]] event vsftpd_line(std::string_view line) {
    const auto client = between(line, "Client \"", "\"");
    if (client.empty()) return std::nullopt;
    auto text = between(line, "\", \"", "\n");
    if (text.ends_with('"')) text.remove_suffix(1);
    if (has(line, "FTP command: ")) return of_client(command_event(text), client);
    if (has(line, "FTP response: ")) return of_client(reply_event(text), client);
    if (has(line, "] CONNECT: ")) return of_client(session_event{.what = kind::opened}, client);
    return std::nullopt;
}

/// ExtendedLog's usual form: `127.0.0.1 UNKNOWN anna [30/Nov/2026:00:00:00 +0000] "PASV" 227 -`. The reply has its code
/// only.
[[nodiscard]] std::vector<session_event> proftpd_line(std::string_view line) {
    const auto client = line.substr(0, line.find(' '));
    const auto begin = line.find("] \"");
    const auto end = line.find("\" ", begin == line.npos ? line.size() : begin + 3);
    if (begin == line.npos || end == line.npos || !ip_address::parse(client)) return {};
    const auto code = line.substr(end + 2, 3);
    std::vector<session_event> out;
    const auto sent = command_event(line.substr(begin + 3, end - begin - 3));
    // Sessions have no number: each begins with its login.
    if (sent.text == "user") out.push_back(*of_client(session_event{.what = kind::opened}, client));
    out.push_back(*of_client(sent, client));
    if (is_reply(code)) out.push_back(*of_client(reply_event(code), client));
    return out;
}

/// `pure-ftpd: (anna@127.0.0.1) [DEBUG] Command [pasv] []`, without replies.
[[nodiscard]] event pure_ftpd_line(std::string_view line) {
    if (!has(line, "pure-ftpd")) return std::nullopt;
    const auto client = between(line, "@", ")");
    if (client.empty()) return std::nullopt;
    const auto verb = between(line, "Command [", "]");
    if (has(line, "] New connection from ")) return of_client(session_event{.what = kind::opened}, client);
    if (verb.empty()) return std::nullopt;
    const auto argument = between(line, "] [", "]");
    return of_client(command_event(std::string(verb) + (argument.empty() ? "" : " " + std::string(argument))), client);
}

/// Version 1: "<time> FTP Session 1 127.0.0.1 anna [Command] PASV"; before: "(000001) time - anna (127.0.0.1)> PASV".
[[nodiscard]] event filezilla_server_line(std::string_view line) {
    event out;
    if (const auto number = between(line, "FTP Session ", " "); is_number(number)) {
        const auto after = [line](std::string_view mark) { return line.substr(line.find(mark) + mark.size()); };
        if (has(line, "[Command] "))
            out = command_event(after("[Command] "));
        else if (has(line, "[Response] "))
            out = reply_event(after("[Response] "));
        else
            return std::nullopt;
        const auto rest = between(line, "FTP Session ", "[");
        const auto address = rest.substr(std::min(rest.find(' ') + 1, rest.size()));
        out->client = ip_address::parse(address.substr(0, address.find(' ')));
        out->session = number;
        return out;
    }
    const auto number = between(line, "(", ")");
    const auto mark = line.find(")> ");
    if (!line.starts_with('(') || !is_number(number) || mark == line.npos) return std::nullopt;
    out = command_or_reply(line.substr(mark + 3));
    const auto open = line.rfind('(', mark);
    out->client = ip_address::parse(line.substr(open + 1, mark - open - 1));
    out->session = number;
    return out;
}

/// Whether a log has stars or a mark such as "(hidden)" in place of a password.
[[nodiscard]] bool is_mark(std::string_view secret) {
    return secret.empty() || secret.front() == '<' || secret.front() == '(' ||
           secret.find_first_not_of(secret.front()) == secret.npos;
}

/// A password that is not known may be anywhere in the reply to PASS, so only the code is kept, and what tells a server that
/// is busy from a wrong password.
[[nodiscard]] std::string code_of_reply(std::string_view text) {
    if (!is_reply(text)) return {};
    std::string out(text.substr(0, std::min<std::size_t>(text.size(), 4)));
    const bool busy = has(to_lower(text), "too many");
    if (busy && out.size() == 4) out += "too many";
    return out;
}

/// The code stays, whatever the password is.
void hide_in_text(std::string& reply_text, std::string_view secret) {
    const auto begin = is_reply(reply_text) ? std::size_t{3} : std::size_t{0};
    reply_text = reply_text.substr(0, begin) + proto::without_secret(reply_text.substr(begin), secret);
}

}  // namespace

void hide_passwords(std::vector<session_event>& events) {
    // Of one session; more passwords would be those of an attack, and each reply is compared with all.
    constexpr std::size_t max_secrets = 8;
    struct login {
        std::deque<std::string> secrets;
        bool only_code = false;
    };
    std::map<std::string, login> sessions;
    for (auto& e : events) {
        auto& known = sessions[e.session];
        if (e.what == kind::command) {
            const bool secret = e.text == "pass" || e.text == "acct";
            known.only_code = secret && is_mark(e.secret);
            if (secret && !known.only_code && std::ranges::find(known.secrets, e.secret) == known.secrets.end())
                known.secrets.push_back(e.secret);
            if (known.secrets.size() > max_secrets) known.secrets.pop_front();
            e.secret.clear();
        } else if (e.is_last_word) {
            // It may quote the reply to PASS.
            if (known.only_code) e.text.clear();
            for (const auto& each : known.secrets) hide_in_text(e.text, each);
        } else if (e.what == kind::reply) {
            if (known.only_code) e.text = code_of_reply(e.text);
            // The numbers of a port are no password.
            const bool has_port = e.text.starts_with("227") || e.text.starts_with("229");
            for (const auto& each : known.secrets)
                if (!has_port || std::ranges::any_of(each, is_alpha)) hide_in_text(e.text, each);
        }
    }
}

namespace {

struct format {
    std::string_view program;
    bool of_server;
    event (*read)(std::string_view line);
};

constexpr auto formats = std::to_array<format>({{"WinSCP", false, winscp_line},
                                                {"curl", false, curl_line},
                                                {"lftp", false, lftp_line},
                                                {"ncftp", false, ncftp_line},
                                                {"python", false, python_line},
                                                {"FileZilla", false, filezilla_line},
                                                {"sallyport", true, sallyport_line},
                                                {"vsftpd", true, vsftpd_line},
                                                {"pure-ftpd", true, pure_ftpd_line},
                                                {"FileZilla Server", true, filezilla_server_line}});

[[nodiscard]] std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> out;
    for (std::size_t begin = 0; begin < text.size();) {
        const auto end = std::min(text.find_first_of("\r\n", begin), text.size());
        if (end != begin) out.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return out;
}

/// In a file, a traceback may precede the session that it ended, since standard output is buffered.
void put_failures_last(std::vector<session_event>& events) {
    const auto is_message = [](const session_event& e) { return e.what == kind::command || e.what == kind::reply; };
    std::rotate(events.begin(), std::ranges::find_if(events, is_message), events.end());
}

/// How much of a file is an FTP session in this form. A client that could not connect has no message to show.
[[nodiscard]] std::ptrdiff_t messages(const transcript& t) {
    const auto is_failed_connect = t.events.size() >= 2 && t.events.front().what == kind::connecting;
    const auto count = std::ranges::count_if(
        t.events, [](const session_event& e) { return e.what == kind::command || e.what == kind::reply; });
    return count == 0 && is_failed_connect ? 1 : count;
}

}  // namespace

transcript read_transcript(std::string_view text) {
    const auto lines = lines_of(text);
    transcript best;
    const auto offer = [&best](transcript made) {
        if (messages(made) > messages(best)) best = std::move(made);
    };
    for (const auto& each : formats) {
        transcript made{std::string(each.program), each.of_server, {}};
        for (const auto line : lines)
            if (auto found = each.read(line)) made.events.push_back(std::move(*found));
        if (each.read == python_line) put_failures_last(made.events);
        offer(std::move(made));
    }
    transcript extended{"proftpd", true, {}};
    for (const auto line : lines)
        for (auto& found : proftpd_line(line)) extended.events.push_back(std::move(found));
    offer(std::move(extended));
    hide_passwords(best.events);
    return best;
}

}  // namespace sallyport::doctor
