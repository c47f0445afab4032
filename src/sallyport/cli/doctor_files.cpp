#include <sallyport/cli/doctor_files.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/error_line.hpp>
#include <sallyport/cli/machine_facts.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/port_options.hpp>
#include <sallyport/diagnosis/facts_json.hpp>
#include <sallyport/diagnosis/joined_sessions.hpp>
#include <sallyport/diagnosis/report.hpp>
#include <sallyport/diagnosis/rules.hpp>
#include <sallyport/diagnosis/server_report.hpp>
#include <sallyport/diagnosis/server_rules.hpp>
#include <sallyport/doctor/capture_file.hpp>
#include <sallyport/doctor/published_ports.hpp>
#include <sallyport/doctor/remedy_rules.hpp>
#include <sallyport/doctor/server_configuration.hpp>
#include <sallyport/doctor/server_host.hpp>
#include <sallyport/doctor/session_reader.hpp>

namespace sallyport::cli {
namespace {

constexpr int cause_unknown = 21;
constexpr int wrong_usage = 2;
// A log of a busy server for some days; it is read as a whole.
constexpr std::size_t max_file = std::size_t{256} << 20U;

int refuse(std::string_view command, const error& why) {
    fmt::print(stderr, "sallyport {}: {}\n", command, line_of(why));
    return wrong_usage;
}

/// Our own configuration: that of serve or gate.
result<diagnosis::server_facts> read_own_configuration(const std::string& file) {
    CLI::App command("", "doctor");
    port_options options;
    command_table table;
    options.add_to(table);
    table.add("Timeouts", {{"--keepalive-idle", "SECONDS", time(options.daemon.keepalive_idle), "As in the configuration"}});
    set_table(command, std::move(table));
    options.daemon.config = file;
    const auto subject = options.subject(command);
    if (!subject) return std::unexpected(subject.error());
    diagnosis::server_facts out{.program = "sallyport"};
    for (const auto* list : {&subject->listen, &subject->listen_tls})
        for (const auto& e : *list) out.control_ports.push_back(e.port);
    const auto& data = subject->data_connections;
    const bool single = data.single.is_enabled() && data.ports.range.first == 0;
    out.passive = subject->passive && !(data.single.control && single);
    out.passive_ports = single ? port_range{data.single.port, data.single.port} : data.ports.range;
    for (const auto& rule : data.addresses)
        if (!rule.clients && !rule.client_destination && !rule.tls && !rule.is_automatic())
            out.external_address = rule.address;
    out.tls = !options.daemon.tls_certificates.empty() || !subject->listen_tls.empty();
    out.keepalive = options.daemon.keepalive_idle.count();
    out.port_per_session = false;
    out.leaves_out_alg_ports = !data.ports.use_alg_ports;
    return out;
}

constexpr std::string_view kinds_of_servers =
    "use sallyport:FILE, vsftpd:FILE, proftpd:FILE, pure-ftpd:\"OPTIONS\", compose:FILE or kubernetes:FILE";

result<diagnosis::server_facts> read_configuration(const std::string& target) {
    constexpr auto kinds =
        std::to_array<std::string_view>({"sallyport", "vsftpd", "proftpd", "pure-ftpd", "compose", "kubernetes"});
    const auto colon = target.find(':');
    const auto kind = target.substr(0, std::min(colon, target.size()));
    if (colon == std::string::npos || std::ranges::find(kinds, kind) == kinds.end())
        return fail(errc::usage, fmt::format("{}: unknown kind of server; {}", escape(target, 100), kinds_of_servers));
    const auto rest = target.substr(colon + 1);
    const auto not_recognised = [&kind](const std::string& what) {
        return fail(errc::usage, fmt::format("{}: not recognised as a configuration of {}; {}", escape(what, 100), kind,
                                             kinds_of_servers));
    };
    if (kind == "pure-ftpd") {
        if (!doctor::is_configuration_of(kind, rest)) return not_recognised(rest);
        return doctor::read_pure_ftpd(rest);
    }
    auto read = [&]() -> result<diagnosis::server_facts> {
        if (kind == "sallyport") return read_own_configuration(rest);
        const auto text = content_of_file(rest);
        if (!text) return std::unexpected(text.error());
        if (kind == "compose" || kind == "kubernetes") {
            auto known = kind == "compose" ? doctor::read_compose(*text) : doctor::read_kubernetes(*text);
            if (!known) known.error().what = fmt::format("{}: {}", rest, known.error().what);
            return known;
        }
        if (!doctor::is_configuration_of(kind, *text)) return not_recognised(rest);
        return kind == "vsftpd" ? doctor::read_vsftpd(*text) : doctor::read_proftpd(*text);
    }();
    if (read) read->source = rest;
    return read;
}

int code_of(const diagnosis::facts& known, const std::vector<diagnosis::verdict>& found) {
    switch (diagnosis::overall_of(known, found)) {
        case diagnosis::overall::healthy: return 0;
        case diagnosis::overall::undecided: return cause_unknown;
        default: return something_found;
    }
}

/// Of two exit codes: what was found is more than what has no known cause.
int worse_of(int a, int b) { return a == something_found || b == 0 ? a : b; }

/// What a file has. Of a server's log, all sessions are judged together.
struct read_file {
    std::string name;
    bool is_saved_run = false;
    bool is_log = false;
    std::vector<diagnosis::facts> sessions;
};

int print_session(const diagnosis::facts& session, const std::vector<diagnosis::verdict>& found, bool as_json) {
    fmt::print("{}", as_json ? diagnosis::report_json(session, found) : diagnosis::report_text(session, found, true));
    return code_of(session, found);
}

/// One report for each session of a client or of a capture, and one for a log. The exit code for all.
int print_file(const read_file& file, bool as_json) {
    if (file.is_log) {
        const auto log = diagnosis::judge_log(file.sessions);
        fmt::print("{}", as_json ? diagnosis::report_json(log) : diagnosis::report_text(log, file.name));
        return log.failed != 0 ? something_found : 0;
    }
    int code = 0;
    for (const auto& session : file.sessions)
        code = worse_of(code, print_session(session, doctor::diagnose(session), as_json));
    return code;
}

result<read_file> captured_in(result<std::vector<diagnosis::facts>> sessions, const std::string& name) {
    if (!sessions) return std::unexpected(error{errc::usage, 0, name + ": " + sessions.error().text()});
    if (sessions->empty())
        return fail(errc::usage, name +
                                     ": the capture has no FTP session; it must have the control connection from its "
                                     "beginning, or on port 21 or 990");
    for (auto& each : *sessions) each.host = fmt::format("{} ({} to {})", name, each.client.text(), each.server.text());
    return read_file{.name = name, .sessions = std::move(*sessions)};
}

/// Whether a file is a capture, which is read as a stream and may be large. Standard input cannot be read twice.
bool is_capture_file(const std::string& name) {
    // What is read of a pipe ("<(command)", a FIFO) is gone.
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(name, ignored)) return false;
    std::ifstream file(name, std::ios::binary);
    std::array<char, doctor::capture_mark_size> mark{};
    file.read(mark.data(), std::ssize(mark));
    return doctor::is_capture({mark.data(), static_cast<std::size_t>(file.gcount())});
}

result<read_file> read_one(const std::string& name) {
    if (name != "-" && is_capture_file(name)) return captured_in(doctor::read_capture_file(name), name);
    const auto text = content_of_file(name);
    if (!text) return std::unexpected(text.error());
    if (doctor::is_capture(*text)) return captured_in(doctor::read_capture(*text), name);
    if (text->starts_with("{")) {
        auto saved = diagnosis::facts_from_json(*text);
        if (!saved) return std::unexpected(error{errc::usage, 0, name + ": " + saved.error().what});
        return read_file{.name = name, .is_saved_run = true, .sessions = {std::move(*saved)}};
    }
    read_file out{.name = name, .sessions = doctor::facts_of(doctor::read_transcript(*text))};
    if (out.sessions.empty())
        return fail(errc::usage,
                    name +
                        ": no FTP session was found; it reads transcripts of curl -v, lftp -d, ncftp -d, Python, "
                        "WinSCP and FileZilla, and logs with commands and replies of Sallyport (--log-level "
                        "debug), vsftpd, ProFTPD, Pure-FTPd and FileZilla Server, and captures (pcap, pcapng)");
    out.is_log = out.sessions.front().seen_from == diagnosis::vantage::server;
    for (auto& each : out.sessions)
        if (!out.is_log && each.host.empty()) each.host = name;
    return out;
}

/// A session that two files have.
int print_joined(const read_file& one, diagnosis::facts session, const read_file& other, diagnosis::facts other_session,
                 bool as_json) {
    const bool in_order = diagnosis::is_nearer_to_server(session, other_session);
    auto& client = in_order ? session : other_session;
    const auto& server = in_order ? other_session : session;
    diagnosis::add_server_view(client, server);
    client.host = fmt::format("{} ({} to {}), at the server's end {}", in_order ? one.name : other.name,
                              client.client.text(), client.server.text(), in_order ? other.name : one.name);
    return print_session(client, diagnosis::judge_both(client, server), as_json);
}

/// Reports the sessions that two of the files have, and takes them out of both.
int print_same_sessions(std::vector<read_file>& files, bool as_json) {
    int code = 0;
    for (auto one = files.begin(); one != files.end(); ++one) {
        for (auto other = one + 1; other != files.end(); ++other) {
            // A run has several sessions in one; 'doctor join' is for it.
            if ((one->is_log && other->is_log) || one->is_saved_run || other->is_saved_run) continue;
            const auto pairs = diagnosis::same_sessions(one->sessions, other->sessions);
            for (const auto& [a, b] : pairs)
                code = worse_of(code, print_joined(*one, one->sessions[a], *other, other->sessions[b], as_json));
            std::vector<std::size_t> of_other;
            for (const auto& [a, b] : pairs) of_other.push_back(b);
            std::ranges::sort(of_other);
            for (auto each = pairs.rbegin(); each != pairs.rend(); ++each)
                one->sessions.erase(one->sessions.begin() + static_cast<std::ptrdiff_t>(each->first));
            for (auto each = of_other.rbegin(); each != of_other.rend(); ++each)
                other->sessions.erase(other->sessions.begin() + static_cast<std::ptrdiff_t>(*each));
        }
    }
    std::erase_if(files, [](const read_file& each) { return each.sessions.empty(); });
    return code;
}

struct read_job {
    std::vector<std::string> files;
    bool as_json = false;
};

int read_files(const read_job& job) {
    std::vector<read_file> files;
    for (const auto& name : job.files) {
        auto file = read_one(name);
        if (!file) return refuse("doctor read", file.error());
        files.push_back(std::move(*file));
    }
    int code = print_same_sessions(files, job.as_json);
    for (const auto& file : files) code = worse_of(code, print_file(file, job.as_json));
    return code;
}

int print_report(const diagnosis::server_facts& known, bool as_json) {
    const auto found = doctor::diagnose(known);
    fmt::print("{}", as_json ? diagnosis::report_json(known, found) : diagnosis::report_text(known, found));
    return has_problem(found) ? something_found : 0;
}

}  // namespace

result<diagnosis::facts> read_saved_run(const std::string& file) {
    const auto text = content_of_file(file);
    if (!text) return std::unexpected(text.error());
    auto saved = diagnosis::facts_from_json(*text);
    if (!saved) return std::unexpected(error{errc::usage, 0, file + ": " + saved.error().what});
    return saved;
}

result<std::string> content_of_file(const std::string& name) {
    std::ifstream file;
    if (name != "-") {
        file.open(name, std::ios::binary);
        if (!file) return fail_os(errno, name);
    }
    std::istream& in = name == "-" ? std::cin : file;
    std::string out;
    std::array<char, 65536> part;
    while (in.read(part.data(), std::ssize(part)), in.gcount() > 0) {
        out.append(part.data(), static_cast<std::size_t>(in.gcount()));
        if (out.size() > max_file)
            return fail(errc::too_long, name + ": larger than 256 MiB; cut out the sessions in question");
    }
    return out;
}

result<void> check_savable(const std::string& path) {
    const unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return file ? result<void>() : fail_os(errno, "--save " + path);
}

result<void> save_privately(const std::string& path, const std::string& text) {
    const unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file) return fail_os(errno, "--save " + path);
    // A file that was there before keeps its mode. A device such as /dev/stdout is no such file.
    struct stat about{};
    const bool is_file = ::fstat(file.get(), &about) == 0 && S_ISREG(about.st_mode);
    if (is_file && ::fchmod(file.get(), 0600) != 0) return fail_os(errno, "--save " + path);
    for (std::string_view left = text; !left.empty();) {
        const auto n = ::write(file.get(), left.data(), left.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail_os(n < 0 ? errno : ENOSPC, "--save " + path);
        left.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

int diagnose_server(const std::string& target, const std::optional<port_range>& ports, bool as_json) {
    diagnosis::server_facts known;
    if (!target.empty()) {
        auto read = read_configuration(target);
        if (!read) return refuse("doctor", read.error());
        known = std::move(*read);
    } else if (!ports) {
        return refuse("doctor", {errc::usage, 0,
                                 "--server needs a configuration; use sallyport:FILE, vsftpd:FILE, proftpd:FILE or "
                                 "pure-ftpd:\"OPTIONS\", or add --ports A-B"});
    }
    const bool is_container = known.publisher != diagnosis::port_publisher::none;
    if (is_container && !ports)
        return refuse(
            "doctor",
            {errc::usage, 0, escape(target, 100) + ": the file does not have the server's passive ports; add --ports A-B"});
    if (ports) known.passive_ports = *ports;
    // The container's ports are no matter of this host.
    if (is_container) return print_report(known, as_json);
    const auto machine = read_machine_facts();
    known.host.addresses = machine.addresses;
    known.host.ephemeral = machine.ephemeral;
    known.host.reserved = machine.reserved;
    doctor::add_host_facts(known);
    return print_report(known, as_json);
}

void add_doctor_read(CLI::App& doctor, int& exit_code) {
    auto job = std::make_shared<read_job>();
    auto* const command = doctor.add_subcommand("read", "Find failures in transcripts, logs and captures of packets");
    command_table table;
    table.add("Arguments", {{"FILE", "", required(texts(job->files)),
                             "Transcript, log, capture, or a saved run; '-' is standard input"}});
    table.add("Output", {{"--json", "", flag(job->as_json), "Print JSON"}});
    table.notes =
        "The kind of a file is recognized by its lines. A session that two files have, such as captures at the client and "
        "at the server, or a capture and the server's log, is found by addresses and times and reported once. Passwords are "
        "not printed.\n\n"
        "Exit codes: 0 nothing found, 20 something found, 21 the cause of a failure could not be determined, 2 a file "
        "cannot be read.";
    set_table(*command, std::move(table));
    command->callback([job, &exit_code] { exit_code = read_files(*job); });
}

}  // namespace sallyport::cli
