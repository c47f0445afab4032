#include <sallyport/imports/pure_ftpd_import.hpp>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/imports/pure_ftpd_settings.hpp>

namespace sallyport::imports {
namespace {

using outcome = import_outcome;

constexpr std::uint64_t usual_sessions = 50;
constexpr std::uint64_t usual_sessions_per_address = 8;
constexpr std::uint64_t usual_idle_minutes = 15;
constexpr std::uint64_t max_number = 1'000'000'000;

std::unexpected<error> refuse_value(const pure_option& of, std::string_view what) {
    return refuse_option(of, fmt::format("{} {}", of.name, what));
}

/// The parts of "A:B"; one number is both.
struct pair_of_numbers {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
};

std::optional<pair_of_numbers> parse_pair(std::string_view text) {
    const auto colon = text.find(':');
    // An empty part is no limit.
    const auto part = [](std::string_view of) {
        return of.empty() ? std::optional<std::uint64_t>(0) : parse_decimal(of, max_number);
    };
    const auto first = part(text.substr(0, colon));
    const auto second = colon == text.npos ? first : part(text.substr(colon + 1));
    if (!first || !second) return std::nullopt;
    return pair_of_numbers{*first, *second};
}

class pure_importer {
public:
    explicit pure_importer(const pure_options& options) : options_(options) {
        // As in Pure-FTPd, the last one counts.
        for (const auto& option : options_) given_[option.name] = &option;
    }

    result<import_result> run(std::string_view users) {
        if (users.empty()) system_users();
        note_methods();
        for (const auto step : {&pure_importer::listening, &pure_importer::tls, &pure_importer::limits,
                                &pure_importer::modes, &pure_importer::quotas_and_rates})
            if (auto done = (this->*step)(); !done) return std::unexpected(std::move(done.error()));
        named_users(!users.empty());
        anonymous();
        auto sections =
            make_account_sections(users, [](const std::string& name, std::string_view settings) -> account_addition {
                if (name == "root") return {.left_out = "MinUID refuses it at Pure-FTPd as well"};
                if (settings.contains("home = ")) return {};
                return {.lost = "its home is not known, so that it would have DIR; set home"};
            });
        if (!sections) return fail(errc::usage, "--users, " + sections.error().what);
        others();
        if (is_on("AnonymousOnly")) sections->toml.clear();
        out_.complete({.top = top_, .usual = default_, .anonymous = anonymous_}, std::move(*sections));
        std::ranges::stable_sort(out_.settings, {},
                                 [](const imported_setting& s) { return std::tuple(s.line != 0, s.file, s.line); });
        return std::move(out_);
    }

private:
    [[nodiscard]] const pure_option* find(std::string_view name) const {
        const auto found = given_.find(name);
        return found == given_.end() ? nullptr : found->second;
    }
    [[nodiscard]] bool is_on(std::string_view name) const {
        const auto* const option = find(name);
        return option != nullptr && option->value == "yes";
    }
    [[nodiscard]] std::string value(std::string_view name, std::string_view otherwise = "") const {
        const auto* const option = find(name);
        return option == nullptr ? std::string(otherwise) : option->value;
    }

    void note(std::string_view name, outcome what, std::string_view text) {
        const auto* const option = find(name);
        if (option == nullptr || !noted_.insert(option).second) return;
        out_.settings.push_back({option->line, option->name, option->value, what, std::string(text), option->file});
    }
    void note_default(std::string_view name, std::string_view usual, outcome what, std::string_view text) {
        if (find(name) != nullptr)
            note(name, what, text);
        else
            out_.settings.push_back({0, std::string(name), std::string(usual), what, std::string(text)});
    }
    void top(const std::string& line, std::string_view name, outcome what = outcome::taken) {
        top_ += line + "\n";
        note(name, what, line);
    }
    result<pair_of_numbers> numbers(std::string_view name, pair_of_numbers otherwise) const {
        const auto* const option = find(name);
        if (option == nullptr) return otherwise;
        const auto parsed = parse_pair(option->value);
        if (!parsed) return refuse_value(*option, "needs one or two numbers");
        return *parsed;
    }

    result<void> listening() {
        constexpr std::uint64_t max_port = 65535;
        std::string address;
        std::uint64_t port = 21;
        if (const auto* const bind = find("Bind")) {
            const auto comma = bind->value.rfind(',');
            address = bind->value.substr(0, comma);
            const auto written = comma == bind->value.npos ? std::string() : bind->value.substr(comma + 1);
            const auto number = parse_decimal(written, max_port);
            if (!number && !written.empty() && written != "ftp") return refuse_value(*bind, "needs ADDRESS,PORT");
            port = number.value_or(port);
        }
        if (address.empty()) address = is_on("IPV4Only") ? "0.0.0.0" : "[::]";
        if (address.contains(':') && !address.starts_with('[')) address = "[" + address + "]";
        // Pure-FTPd shows such files at each login and CWD.
        top_ += "message-file = \".message\"\n";
        out_.settings.push_back(
            {0, "texts of directories", ".message", outcome::nearest, "message-file = \".message\", at CWD and CDUP"});
        const auto line = fmt::format("listen = [{}]", toml_text(fmt::format("{}:{}", address, port)));
        top_ += line + "\n";
        note_default("Bind", ",21", outcome::taken, line);
        note("IPV4Only", outcome::taken, line);
        note("IPV6Only", outcome::nearest, line);
        if (const auto text = value("ForcePassiveIP"); !text.empty())
            top(fmt::format("external-address = [{}]", toml_text(text)), "ForcePassiveIP");
        if (is_on("NATmode"))
            top("no-passive = true", "NATmode", outcome::nearest);
        else
            note("NATmode", outcome::taken, "passive mode is permitted");
        return {};
    }

    result<void> tls() {
        const auto* const option = find("TLS");
        const auto level = parse_decimal(value("TLS", "0"), 3);
        if (!level) return refuse_value(*option, "needs a number from 0 to 3");
        const auto names = {"CertFile", "CertFileAndKey", "ExtCert", "TLSCipherSuite"};
        if (*level == 0) {
            note_default("TLS", "0", outcome::taken, "no certificate");
            for (const char* const name : names) note(name, outcome::dropped, "TLS is 0");
            return {};
        }
        const auto* const both = find("CertFileAndKey");
        const auto pair = both != nullptr ? both->value : value("CertFile", "/etc/ssl/private/pure-ftpd.pem");
        const auto cut = std::min(pair.find_first_of(", "), pair.size());
        top_ += fmt::format("tls-cert = [{}]\n", toml_text(pair.substr(0, cut)));
        const auto key = pair.substr(std::min(pair.find_first_not_of(", ", cut), pair.size()));
        if (!key.empty()) top_ += fmt::format("tls-key = [{}]\n", toml_text(key));
        note("CertFileAndKey", outcome::taken, "tls-cert and tls-key");
        if (both != nullptr)
            note("CertFile", outcome::dropped, "CertFileAndKey is used");
        else
            note_default("CertFile", pair, outcome::taken, "tls-cert");
        top_ += "tls-reuse = \"prefer\"\n";
        requires_tls_ = *level > 1;
        if (requires_tls_) top_ += "tls-required = true\n";
        note("TLS", *level == 2 ? outcome::nearest : outcome::taken,
             requires_tls_ ? "tls-required = true, for both connections" : "TLS is optional");
        const bool asks = value("TLSCipherSuite").starts_with("-C:");
        note("TLSCipherSuite", asks ? outcome::less_safe : outcome::nearest,
             asks ? "certificates of clients need client-ca and client-cert" : import_texts::ciphers);
        return {};
    }

    result<void> limits() {
        const auto sessions = numbers("MaxClientsNumber", {usual_sessions, 0});
        const auto per_address = numbers("MaxClientsPerIP", {usual_sessions_per_address, 0});
        const auto idle = numbers("MaxIdleTime", {usual_idle_minutes, 0});
        const auto range = numbers("PassivePortRange", {0, 0});
        for (const auto* const each : {&sessions, &per_address, &idle, &range})
            if (!*each) return std::unexpected(each->error());
        auto max_sessions = sessions->first;
        if (range->first > 0) {
            if (range->second < range->first || range->second > 65535)
                return refuse_value(*find("PassivePortRange"), "needs two ports in order");
            // Pure-FTPd permits one session for two ports.
            const auto half = std::max<std::uint64_t>(1, (range->second - range->first + 1) / 2);
            top_ += fmt::format("passive-ports = \"{}-{}\"\n", range->first, range->second);
            note("PassivePortRange", outcome::nearest,
                 fmt::format("passive-ports; Pure-FTPd permits {} sessions with them, which max-sessions takes over", half));
            max_sessions = max_sessions == 0 ? half : std::min(max_sessions, half);
        } else {
            note_default("PassivePortRange", "", outcome::nearest,
                         "any free port; set passive-ports, so that a firewall can be narrow");
        }
        const auto line = fmt::format("max-sessions = {}", std::min<std::uint64_t>(max_sessions, 1'000'000));
        top_ += line + "\n";
        note_default("MaxClientsNumber", "50", outcome::taken, line);
        const auto of_address =
            fmt::format("max-sessions-per-address = {}", std::min<std::uint64_t>(per_address->first, 1'000'000));
        top_ += of_address + "\n";
        note_default("MaxClientsPerIP", "8", outcome::taken, of_address);
        const auto seconds = std::min<std::uint64_t>(idle->first * 60, 86400 * 366);
        top_ += fmt::format("idle-timeout = {0}\nstall-timeout = {0}\n", seconds);
        note_default("MaxIdleTime", "15", outcome::taken, fmt::format("idle-timeout and stall-timeout = {}", seconds));
        const auto each = numbers("PerUserLimits", {0, 0});
        if (!each) return std::unexpected(each.error());
        if (each->first > 0) default_ += fmt::format("max-sessions = {}\n", each->first);
        anonymous_sessions_ = each->second;
        note("PerUserLimits", outcome::taken, "max-sessions of [default] and [anonymous]");
        return {};
    }

    result<void> modes() {
        const auto text = value("Umask", "133:022");
        const auto colon = std::min(text.find(':'), text.size());
        const auto files = parse_umask(text.substr(0, colon));
        const auto directories = colon == text.size() ? files : parse_umask(text.substr(colon + 1));
        if (!files || !directories) return refuse_value(*find("Umask"), "needs two octal numbers with ':' between them");
        default_ += mode_lines(*files, *directories, 0777);
        // Its files must not be readable again if they may not be downloaded.
        const unsigned others = is_on("AntiWarez") ? 0007 : 0;
        anonymous_modes_ = mode_lines(*files | others, *directories, 0777, 0755);
        note_default("Umask", "133:022", outcome::taken, "file-mode and directory-mode");
        note("AntiWarez", outcome::nearest, "files of anonymous users have a mode that does not permit others to read them");
        return {};
    }

    static std::string rate_lines(const pair_of_numbers& of) {
        std::string out;
        if (of.first > 0) out += fmt::format("upload-rate = {}\n", of.first * 1024);
        if (of.second > 0) out += fmt::format("download-rate = {}\n", of.second * 1024);
        return out;
    }

    result<void> quotas_and_rates() {
        const auto of_users = numbers("UserBandwidth", {0, 0});
        const auto of_anonymous = numbers("AnonymousBandwidth", {0, 0});
        const auto quota = numbers("Quota", {0, 0});
        for (const auto* const each : {&of_users, &of_anonymous, &quota})
            if (!*each) return std::unexpected(each->error());
        default_ += rate_lines(*of_users);
        // [default] would apply to anonymous users, too.
        anonymous_rates_ =
            fmt::format("upload-rate = {}\ndownload-rate = {}\n", of_anonymous->first * 1024, of_anonymous->second * 1024);
        if (quota->first > 0) default_ += fmt::format("quota-files = {}\n", quota->first);
        if (quota->second > 0) default_ += fmt::format("quota-bytes = {}\n", quota->second * 1024 * 1024);
        note("UserBandwidth", outcome::taken, "upload-rate and download-rate of [default]");
        note("AnonymousBandwidth", outcome::taken, "upload-rate and download-rate of [anonymous]");
        note("Quota", outcome::taken, "quota-files and quota-bytes of [default]");
        return {};
    }

    void named_users(bool has_users) {
        std::vector<std::string> rights = {"list", "read", "write", "append"};
        const bool keeps = is_on("KeepAllFiles");
        if (!keeps) rights.emplace_back("delete");
        if (!is_on("NoRename")) rights.emplace_back("rename");
        rights.emplace_back("mkdir");
        if (!is_on("AutoRename")) rights.emplace_back("overwrite");
        const auto line = fmt::format("rights = {}", toml_list(rights));
        default_ += line + "\n";
        note_default("KeepAllFiles", "no", keeps ? outcome::nearest : outcome::taken, line);
        note("NoRename", outcome::taken, line);
        const bool refuses_chmod = is_on("NoChmod") && !is_on("AutoRename");
        note("NoChmod", refuses_chmod ? outcome::less_safe : outcome::nearest, import_texts::chmod);
        note("AutoRename", outcome::nearest,
             is_on("AutoRename") ? line + "; an upload with the name of another file is refused" : line);
        const bool hides_dots = is_on("ProhibitDotFilesRead") || is_on("ProhibitDotFilesWrite");
        if (hides_dots) default_ += "deny = [\".*\"]\n";
        for (const char* const name : {"ProhibitDotFilesRead", "ProhibitDotFilesWrite"})
            note(name, hides_dots ? outcome::nearest : outcome::taken,
                 hides_dots ? "deny = [\".*\"]; such files can neither be read nor written" : "names may begin with a dot");
        const bool none = is_on("AnonymousOnly");
        note("AnonymousOnly", outcome::taken, none ? "no sections of users" : "users may log in");
        const auto from_file = has_users ? "sections [user.NAME], from the file of --users"
                                         : "name its text with --users, for example /etc/pure-ftpd/pureftpd.passwd";
        note("PureDB", has_users ? outcome::taken : outcome::nearest, from_file);
    }

    /// The part of a Login before its file.
    static std::string kind_of(const pure_option& login) { return login.value.substr(0, login.value.find(':')); }
    /// Neither a line nor a word names a method: users of the system log in.
    [[nodiscard]] bool has_usual_method() const {
        static constexpr auto methods = {"Login",          "UnixAuthentication", "PAMAuthentication", "PureDB",
                                         "LDAPConfigFile", "MySQLConfigFile",    "PGSQLConfigFile",   "ExtAuth"};
        return std::ranges::none_of(methods, [this](const char* name) { return find(name) != nullptr; });
    }

    /// Without a file of users, PAM checks those of the system.
    void system_users() {
        const auto has_login = [this](std::string_view kind) {
            return std::ranges::any_of(
                options_, [kind](const pure_option& each) { return each.name == "Login" && kind_of(each) == kind; });
        };
        const bool by_pam = is_on("PAMAuthentication") || has_login("pam") || has_usual_method();
        if (is_on("AnonymousOnly") || (!by_pam && !is_on("UnixAuthentication") && !has_login("unix"))) return;
        // Without PAM, Pure-FTPd reads /etc/shadow itself; our own service does the same.
        const auto line = fmt::format("pam = \"{}\"", by_pam ? "pure-ftpd" : "sallyport");
        top_ += line + "\n";
        default_ += "home = \"~\"\n";
        system_users_ = import_texts::with_pam(line);
        out_.settings.push_back(
            {0, "home of users of the system", "~", outcome::nearest, std::string(import_texts::system_homes)});
    }

    void note_methods() {
        for (const char* const name : {"UnixAuthentication", "PAMAuthentication"})
            note(name, outcome::nearest, is_on(name) ? system_users_ : "see the other methods");
        for (const auto& option : options_) {
            if (option.name != "Login" || !noted_.insert(&option).second) continue;
            const auto kind = kind_of(option);
            auto text = std::string(import_texts::directory_users);
            if (kind == "puredb") text = "the users of its text file get sections: name it with --users";
            if (kind == "unix" || kind == "pam") text = system_users_;
            const bool near = kind == "puredb" || kind == "unix" || kind == "pam";
            out_.settings.push_back(
                {option.line, option.name, option.value, near ? outcome::nearest : outcome::dropped, text, option.file});
        }
        if (has_usual_method()) note_default("Login", "pam", outcome::nearest, system_users_);
    }

    void anonymous() {
        const auto names = {"AnonymousCantUpload", "AnonymousCanCreateDirs", "AllowDotFiles"};
        const bool on = !is_on("NoAnonymous");
        note_default("NoAnonymous", "no", outcome::taken, on ? "[anonymous]" : "no section [anonymous]");
        if (!on) {
            for (const char* const name : names) note(name, outcome::dropped, "NoAnonymous is yes");
            return;
        }
        std::vector<std::string> rights = {"list", "read"};
        if (!is_on("AnonymousCantUpload")) rights.emplace_back("write");
        if (is_on("AnonymousCanCreateDirs")) rights.emplace_back("mkdir");
        const auto line = fmt::format("rights = {}", toml_list(rights));
        anonymous_ = "[anonymous]\n" + line + "\n" + anonymous_modes_ + anonymous_rates_;
        if (anonymous_sessions_ > 0 || find("PerUserLimits") != nullptr)
            anonymous_ += fmt::format("max-sessions = {}\n", anonymous_sessions_);
        if (requires_tls_) anonymous_ += "tls-required = true\n";
        // A quota of [default] counts for named users only.
        if (find("Quota") != nullptr) anonymous_ += "quota-files = 0\nquota-bytes = 0\n";
        note_default("AnonymousCantUpload", "no", outcome::taken, line);
        note_default("AnonymousCanCreateDirs", "no", outcome::taken, line);
        note("AllowDotFiles", outcome::nearest, "anonymous users cannot use names that begin with a dot");
        out_.settings.push_back({0, "anonymous home", "~ftp", outcome::nearest,
                                 "DIR, of which anonymous users may read what every user of this machine may read"});
    }

    /// What has no rule of its own, or was replaced.
    void others() {
        for (const auto& option : options_) {
            if (noted_.contains(&option)) continue;
            const auto* const counts = find(option.name);
            const auto* const row = std::ranges::find(pure_ftpd_settings, option.name, &pure_ftpd_setting::name);
            auto what = row->outcome;
            auto text = std::string(row->text);
            if (counts != &option && option.name != "Include" && option.name != "VerboseLog") {
                what = outcome::dropped;
                text = fmt::format("replaced by the last {}", option.name);
            } else if (text.empty()) {
                text = "without effect";
            } else if (option.value == "no" || option.value == "0") {
                what = what == outcome::less_safe ? outcome::nearest : what;
            }
            out_.settings.push_back({option.line, option.name, option.value, what, text, option.file});
        }
    }

    const pure_options& options_;
    std::map<std::string, const pure_option*, std::less<>> given_;
    std::set<const pure_option*> noted_;
    import_result out_;
    std::string top_;
    std::string default_;
    std::string anonymous_;
    std::string anonymous_modes_;
    std::string anonymous_rates_;
    std::uint64_t anonymous_sessions_ = 0;
    // What has become of the login of users of the system.
    std::string system_users_{import_texts::system_users};
    bool requires_tls_ = false;
};

}  // namespace

result<import_result> import_pure_ftpd(const pure_options& options, std::string_view users) {
    return pure_importer(options).run(users);
}

}  // namespace sallyport::imports
