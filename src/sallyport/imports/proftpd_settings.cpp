#include <sallyport/imports/proftpd_settings.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/ascii.hpp>
#include <sallyport/imports/regex_wildcards.hpp>

namespace sallyport::imports {
namespace {

using outcome = import_outcome;

bool has_word(const proftpd_section& section, std::string_view directive, std::string_view word) {
    return std::ranges::any_of(section.lines, [&](const proftpd_line& line) {
        return line.is(directive) && std::ranges::any_of(line.words, [&](const auto& w) { return iequals(w, word); });
    });
}

/// One line of the result for the setting of one directive.
class proftpd_top {
public:
    explicit proftpd_top(proftpd_source& source) : from_(source) {}

    result<void> run() {
        if (auto done = listening(); !done) return done;
        texts();
        if (auto done = data_connections(); !done) return done;
        tls();
        if (auto done = sessions(); !done) return done;
        if (auto done = timeouts(); !done) return done;
        bans();
        return {};
    }

    std::string take() { return std::move(out_); }

private:
    result<void> listening() {
        constexpr std::uint64_t usual = 21;
        const auto port = from_.count("Port", usual);
        if (!port) return std::unexpected(port.error());
        const auto* const line = from_.first("Port");
        if (*port == 0)
            return refuse_line(*line, "Port 0: this server has no listener; name another one with --virtual-host");
        if (*port > 65535) return refuse_line(*line, "Port needs a number up to 65535");
        const bool v6 = from_.is_on("UseIPv6", true);
        std::vector<std::string> addresses;
        bool is_complete = true;
        const auto add = [&](const proftpd_line& of) {
            for (const auto& word : of.words) {
                const auto address = ip_address::parse(word);
                is_complete = is_complete && address.has_value();
                if (address)
                    addresses.push_back(word.contains(':') ? fmt::format("[{}]:{}", word, *port)
                                                           : fmt::format("{}:{}", word, *port));
            }
        };
        const auto* const given = from_.first("DefaultAddress");
        // A <VirtualHost> of a name is reached at every address.
        for (const auto& word : from_.server().opening.words)
            if (ip_address::parse(word)) add({.file = {}, .line = 0, .name = {}, .words = {word}});
        if (given != nullptr) add(*given);
        const bool everywhere = addresses.empty();
        if (everywhere) addresses.push_back(fmt::format("{}:{}", v6 ? "[::]" : "0.0.0.0", *port));
        const bool implicit = has_word(from_.server(), "TLSOptions", "UseImplicitSSL");
        const auto text = fmt::format("{} = {}", implicit ? "listen-tls" : "listen", toml_list(addresses));
        out_ += text + "\n";
        from_.note_setting("Port", outcome::taken, text, "21");
        from_.note_setting("UseIPv6", outcome::taken, text, "on");
        from_.note_setting("DefaultAddress", is_complete ? outcome::taken : outcome::less_safe,
                           is_complete ? text : "a host name: write its address into listen");
        const bool bound = from_.is_on("SocketBindTight", false);
        from_.note_setting("SocketBindTight", bound && everywhere ? outcome::less_safe : outcome::taken,
                           bound && everywhere ? "the address of the host's name is not known; write it into listen" : text);
        const auto* const ident = from_.first("ServerIdent");
        if (ident != nullptr && ident->words.size() > 1 && iequals(ident->words.front(), "on")) {
            const auto greeting = fmt::format("greeting = {}", toml_text(ident->words[1]));
            out_ += greeting + "\n";
            from_.note_setting("ServerIdent", ident->words[1].contains('%') ? outcome::nearest : outcome::taken, greeting);
        }
        from_.note_setting("ServerIdent", outcome::nearest, "greeting has its own default, without names and addresses");
        return {};
    }

    void texts() {
        for (const auto& [name, key] :
             {std::pair("DisplayConnect", "banner-file"), std::pair("DisplayLogin", "login-file")}) {
            const auto* const line = from_.first(name);
            const auto path = line == nullptr || line->words.empty() ? std::string() : line->words.front();
            if (path.starts_with('/'))
                add_nearest(*line, fmt::format("{} = {}", key, toml_text(path)), "; variables such as %U are not replaced");
            else
                from_.note_setting(name, outcome::dropped,
                                   fmt::format("its path is below the homes; set {} to a file", key));
        }
        const auto* line = from_.first("DisplayChdir");
        for (const auto& section : from_.server().sections)
            if (line == nullptr && section.opening.is("<Anonymous>")) line = section.first("DisplayChdir");
        if (line == nullptr || line->words.empty() || line->words.front().contains('/')) return;
        add_nearest(*line, fmt::format("message-file = {}", toml_text(line->words.front())), ", for all accounts");
    }

    result<void> data_connections() {
        if (const auto* const line = from_.first("MasqueradeAddress"); line != nullptr && !line->words.empty())
            add("MasqueradeAddress", fmt::format("external-address = [{}]", toml_text(line->words.front())));
        const auto* const ports = from_.first("PassivePorts");
        if (ports == nullptr) {
            from_.note_setting("PassivePorts", outcome::nearest,
                               "any free port; set passive-ports, so that a firewall can be narrow", "");
            return {};
        }
        constexpr std::uint64_t max = 65535;
        const auto first = ports->words.empty() ? std::nullopt : parse_decimal(ports->words.front(), max);
        const auto last = ports->words.size() < 2 ? std::nullopt : parse_decimal(ports->words[1], max);
        if (!first || !last || *first == 0 || *first > *last)
            return refuse_line(*ports, "PassivePorts needs two ports in order");
        add("PassivePorts", fmt::format("passive-ports = \"{}-{}\"", *first, *last));
        return {};
    }

    void tls() {
        const auto names = {"TLSRequired",           "TLSOptions",
                            "TLSRSACertificateFile", "TLSRSACertificateKeyFile",
                            "TLSECCertificateFile",  "TLSECCertificateKeyFile",
                            "TLSCACertificateFile",  "TLSVerifyClient"};
        const bool on = from_.is_on("TLSEngine", false);
        from_.note_setting("TLSEngine", outcome::taken, on ? "tls-cert" : "no certificate");
        if (!on) {
            for (const char* const name : names) from_.note_setting(name, outcome::dropped, "TLSEngine is off");
            return;
        }
        certificates();
        const bool reuse = !has_word(from_.server(), "TLSOptions", "NoSessionReuseRequired");
        out_ += fmt::format("tls-reuse = \"{}\"\n", reuse ? "require" : "prefer");
        if (from_.first("TLSOptions") == nullptr)
            from_.note_setting("TLSOptions", outcome::taken, "tls-reuse = \"require\"", "");
        from_.note_each("TLSOptions", outcome::nearest, reuse ? "tls-reuse = \"require\"" : "tls-reuse = \"prefer\"");
        const auto* const required = from_.first("TLSRequired");
        const bool is_required = proftpd_requires_tls(from_);
        if (is_required) out_ += "tls-required = true\n";
        const bool same = !is_required || iequals(required->value(), "on");
        from_.note_setting("TLSRequired", same ? outcome::taken : outcome::nearest,
                           is_required ? "tls-required = true, for both connections" : "TLS is optional", "off");
        const auto* const verify = from_.first("TLSVerifyClient");
        const auto wanted = verify == nullptr ? std::string("off") : to_lower(verify->value());
        const auto* const authority = from_.first("TLSCACertificateFile");
        const bool asked = wanted != "off" && authority != nullptr && !authority->words.empty();
        if (asked) add("TLSCACertificateFile", fmt::format("client-ca = {}", toml_text(authority->words.front())));
        if (asked && wanted != "optional") out_ += "client-cert = \"require\"\n";
        from_.note_setting("TLSCACertificateFile", outcome::dropped, "certificates of clients are not asked for");
        if (wanted == "on" && !asked)
            from_.note_setting("TLSVerifyClient", outcome::less_safe,
                               "needs client-ca, and TLSCACertificateFile is not set");
        else
            from_.note_setting("TLSVerifyClient", outcome::taken,
                               asked ? fmt::format("client-cert = \"{}\"", wanted == "optional" ? "optional" : "require")
                                     : std::string("certificates of clients are not asked for"));
    }

    void certificates() {
        std::vector<std::string> certificates;
        std::vector<std::string> keys;
        for (const auto* const kind : {"TLSRSA", "TLSEC"}) {
            const auto of_certificate = fmt::format("{}CertificateFile", kind);
            const auto of_key = fmt::format("{}CertificateKeyFile", kind);
            const auto* const certificate = from_.first(of_certificate);
            const auto* const key = from_.first(of_key);
            if (certificate == nullptr || certificate->words.empty()) continue;
            from_.note_setting(of_certificate, outcome::taken, "tls-cert");
            from_.note_setting(of_key, outcome::taken, "tls-key");
            if (std::ranges::find(certificates, certificate->words.front()) != certificates.end()) continue;
            certificates.push_back(certificate->words.front());
            keys.push_back(key == nullptr || key->words.empty() ? certificates.back() : key->words.front());
        }
        if (certificates.empty()) {
            from_.note_setting("TLSRSACertificateFile", outcome::less_safe, "TLSEngine is on; set tls-cert", "");
            return;
        }
        out_ += fmt::format("tls-cert = {}\n", toml_list(certificates));
        if (keys != certificates) out_ += fmt::format("tls-key = {}\n", toml_list(keys));
    }

    result<void> sessions() {
        const auto groups = {std::pair("max-sessions", std::pair("MaxClients", "MaxInstances")),
                             std::pair("max-sessions-per-address", std::pair("MaxClientsPerHost", "MaxConnectionsPerHost"))};
        for (const auto& [option, names] : groups) {
            const auto first = from_.count(names.first, 0);
            if (!first) return std::unexpected(first.error());
            const auto second = from_.count(names.second, 0);
            if (!second) return std::unexpected(second.error());
            const auto lower = *first == 0 || *second == 0 ? std::max(*first, *second) : std::min(*first, *second);
            const auto line = fmt::format("{} = {}", option, lower);
            out_ += line + "\n";
            from_.note_setting(names.first, outcome::taken, line, "none");
            from_.note_setting(names.second, outcome::taken, line);
        }
        const auto rate = from_.count("MaxConnectionRate", 0);
        if (!rate) return std::unexpected(rate.error());
        if (*rate > 0) add("MaxConnectionRate", fmt::format("max-session-rate = {}", *rate));
        return {};
    }

    result<void> timeouts() {
        constexpr std::uint64_t idle = 600;
        constexpr std::uint64_t login = 300;
        constexpr std::uint64_t stalled = 3600;
        for (const auto& [name, option, usual] :
             {std::tuple("TimeoutIdle", "idle-timeout", idle), std::tuple("TimeoutLogin", "login-timeout", login),
              std::tuple("TimeoutStalled", "stall-timeout", stalled)}) {
            const auto seconds = from_.seconds(name, usual);
            if (!seconds) return std::unexpected(seconds.error());
            // There is always a limit for a login.
            const bool none = *seconds == 0 && std::string_view(option) == "login-timeout";
            const auto line = fmt::format("{} = {}", option, none ? login : *seconds);
            out_ += line + "\n";
            from_.note_setting(name, none ? outcome::nearest : outcome::taken, line, std::to_string(usual));
        }
        return {};
    }

    void bans() {
        const bool on = from_.is_on("BanEngine", false);
        from_.note_setting("BanEngine", outcome::nearest, "addresses with failed logins are blocked for a growing time");
        for (const auto& line : from_.server().lines) {
            if (!line.is("BanOnEvent")) continue;
            const auto event = line.words.empty() ? std::string() : to_lower(line.words.front());
            if (!on)
                from_.note(line, outcome::dropped, "BanEngine is off");
            else if (event.starts_with("maxloginattempts") || event == "loginrate" || event == "emptypassword")
                from_.note(line, outcome::nearest, "addresses with failed logins are blocked for a growing time");
            else if (event == "clientconnectrate")
                connect_rate(line);
            else if (event.starts_with("max") || event.starts_with("timeout") || event == "rootlogin" ||
                     event == "tlshandshake")
                from_.note(line, outcome::nearest, "the limit itself counts; it blocks no address");
            else
                from_.note(line, outcome::less_safe, "this event blocks no address");
        }
    }

    /// "ClientConnectRate 10/00:00:20 00:10:00"
    void connect_rate(const proftpd_line& line) {
        const std::string_view how = line.words.size() < 2 ? std::string_view() : line.words[1];
        const auto number = parse_decimal(how.substr(0, how.find('/')));
        const auto slash = std::min(how.find('/'), how.size());
        const auto total = parse_seconds(how.substr(std::min(slash + 1, how.size()))).value_or(0);
        if (!number || *number == 0 || total == 0) {
            from_.note(line, outcome::less_safe, "not understood; set max-session-rate-per-address");
            return;
        }
        const auto text =
            fmt::format("max-session-rate-per-address = {:.3f}", static_cast<double>(*number) / static_cast<double>(total));
        if (!has_rate_) out_ += text + "\n";
        has_rate_ = true;
        from_.note(line, outcome::nearest, text + ", without a ban");
    }

    void add_nearest(const proftpd_line& of, const std::string& line, std::string_view difference) {
        out_ += line + "\n";
        from_.note(of, outcome::nearest, line + std::string(difference));
    }

    void add(std::string_view name, const std::string& line) {
        out_ += line + "\n";
        from_.note_setting(name, outcome::taken, line);
    }

    proftpd_source& from_;
    std::string out_;
    bool has_rate_ = false;
};

/// Adds the wildcards for one line of expressions; false if there are none.
bool add_patterns(std::vector<std::string>& to, const proftpd_line& line) {
    // A second word is a flag, or names users.
    if (line.words.size() != 1) return false;
    const auto found = wildcards_of_regex(line.words.front());
    if (found) to.insert(to.end(), found->begin(), found->end());
    return found.has_value();
}

void add_names(proftpd_source& source, const proftpd_section& section, std::string& out) {
    // The usual protection from expensive patterns.
    constexpr std::string_view stars = "\\*.*/";
    std::vector<std::string> hide;
    std::vector<std::string> deny;
    for (const auto& line : section.lines) {
        const bool hides = line.is("HideFiles");
        if (!hides && !line.is("PathDenyFilter") && !line.is("DenyFilter")) continue;
        if (line.value().empty() || iequals(line.value(), "none"))
            source.note(line, outcome::taken, "no names");
        else if (!hides && line.value() == stars)
            source.note(line, outcome::nearest, "patterns are limited to the last part of a path");
        else if (add_patterns(hides ? hide : deny, line))
            source.note(line, outcome::nearest,
                        hides ? "hide; such names cannot be used either" : "deny; such files cannot be read either");
        else
            source.note(
                line, outcome::less_safe,
                fmt::format("the expression cannot be written as wildcards; write {} by hand", hides ? "hide" : "deny"));
    }
    if (!hide.empty()) out += fmt::format("hide = {}\n", toml_list(hide));
    if (!deny.empty()) out += fmt::format("deny = {}\n", toml_list(deny));
}

void add_owners(proftpd_source& source, const proftpd_section& section, std::string& out) {
    bool is_fake = false;
    for (const auto& line : section.lines) {
        if (!line.is("DirFakeUser") && !line.is("DirFakeGroup")) continue;
        const bool on = !line.words.empty() && iequals(line.words.front(), "on");
        is_fake = is_fake || on;
        source.note(line, outcome::nearest, on ? "hide-ids = true; owners and groups are shown as ftp" : "owners are shown");
    }
    if (is_fake) out += "hide-ids = true\n";
}

/// "TransferRate RETR,STOR 1.5:4096": kibibytes per second.
result<void> add_rate(proftpd_source& source, const proftpd_line& line, std::string& out) {
    const auto text = line.words.size() < 2 ? std::string() : line.words[1];
    double rate = 0;
    try {
        std::size_t end = 0;
        rate = std::stod(text, &end);
        if (end != text.size() && text[end] != ':') rate = -1;
    } catch (const std::exception&) {
        rate = -1;
    }
    if (!std::isfinite(rate) || rate < 0 || rate > 1e9)
        return refuse_line(line, "TransferRate needs commands and a number of kilobytes per second");
    if (line.words.size() > 2) {
        source.note(line, outcome::less_safe,
                    "for some users only: write upload-rate and download-rate into their sections");
        return {};
    }
    const auto commands = to_upper(line.words.front());
    const auto bytes = static_cast<std::uint64_t>(rate * 1024);
    std::string made;
    if (commands.contains("RETR")) made += fmt::format("download-rate = {}\n", bytes);
    if (commands.contains("STOR") || commands.contains("APPE") || commands.contains("STOU"))
        made += fmt::format("upload-rate = {}\n", bytes);
    std::string shown = made.empty() ? "without effect" : made.substr(0, made.size() - 1);
    std::ranges::replace(shown, '\n', ',');
    source.note(line, text.contains(':') ? outcome::nearest : outcome::taken, shown);
    out += made;
    return {};
}

}  // namespace

result<std::string> proftpd_server_settings(proftpd_source& source) {
    proftpd_top made(source);
    if (auto done = made.run(); !done) return std::unexpected(std::move(done.error()));
    return made.take();
}

bool proftpd_requires_tls(const proftpd_source& source) {
    const auto* const line = source.first("TLSRequired");
    if (line == nullptr || !source.is_on("TLSEngine", false)) return false;
    // "!data" and "off" require nothing; "ctrl", "data", "auth" and their sums require something.
    const auto how = to_lower(line->value());
    return how != "off" && how != "!data" && how != "no" && how != "false";
}

result<std::string> proftpd_modes(proftpd_source& source, const proftpd_section& section, unsigned open) {
    const auto* const own = section.first("Umask");
    const auto* const line = own == nullptr ? source.first("Umask") : own;
    constexpr unsigned usual = 022;
    const auto files = line == nullptr ? usual : line->words.empty() ? std::nullopt : parse_umask(line->words.front());
    const auto directories = line == nullptr || line->words.size() < 2 ? files : parse_umask(line->words[1]);
    if (!files || !directories) return refuse_line(*line, "Umask needs one or two octal numbers");
    constexpr std::string_view text = "file-mode and directory-mode";
    if (line != nullptr)
        source.note(*line, outcome::taken, text);
    else
        source.note_setting("Umask", outcome::taken, text, "022");
    return mode_lines(*files, *directories, 0666, open);
}

result<std::string> proftpd_names_and_rates(proftpd_source& source, const proftpd_section& section) {
    std::string out;
    add_names(source, section, out);
    add_owners(source, section, out);
    std::string download;
    std::string upload;
    for (const auto& line : section.lines) {
        if (!line.is("TransferRate")) continue;
        std::string one;
        if (auto done = add_rate(source, line, one); !done) return std::unexpected(std::move(done.error()));
        // The last line for a direction counts.
        for (std::string_view rest = one; !rest.empty();) {
            const auto row = rest.substr(0, rest.find('\n') + 1);
            rest.remove_prefix(row.size());
            (row.starts_with("download") ? download : upload) = row;
        }
    }
    return out + download + upload;
}

std::string proftpd_quotas(proftpd_source& source) {
    const bool on = source.is_on("QuotaEngine", false);
    const auto* const line = source.first("QuotaDefault");
    std::string out;
    bool is_whole = true;
    if (on && line != nullptr && line->words.size() == 9) {
        const auto& w = line->words;
        const auto take = [&](std::size_t i, std::string_view key) {
            const auto number = parse_decimal(w[i], 1ULL << 40U);
            if (number && *number > 0) out += fmt::format("{} = {}\n", key, *number);
        };
        take(3, "quota-bytes");
        take(6, "quota-files");
        // What is only counted while it moves has no equivalent.
        is_whole = iequals(w[0], "user") && std::ranges::all_of(std::vector<std::size_t>{4, 5, 7, 8},
                                                                [&](std::size_t i) { return w[i] == "0" || w[i] == "-1"; });
        if (!is_whole && !iequals(w[0], "user")) out.clear();
    } else if (line != nullptr) {
        is_whole = !on;
    }
    source.note_setting("QuotaDefault",
                        !is_whole ? outcome::less_safe
                        : on      ? outcome::nearest
                                  : outcome::dropped,
                        !is_whole ? "only quotas of users, and of what is stored, are taken over"
                        : on      ? "quota-bytes and quota-files; what is in the home counts"
                                  : "QuotaEngine is off");
    source.note_setting("QuotaEngine", outcome::nearest,
                        out.empty() ? "set quota-bytes and quota-files of the accounts" : "quota-bytes and quota-files");
    return out;
}

}  // namespace sallyport::imports
