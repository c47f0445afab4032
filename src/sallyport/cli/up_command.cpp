// sallyport up: shares a directory with default settings, through a server and a gateway in front of it.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/line_writer.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/command_service.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/daemon_options.hpp>
#include <sallyport/cli/machine_facts.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/cli/self_signed_certificate.hpp>
#include <sallyport/cli/start_report.hpp>
#include <sallyport/cli/up_examples.hpp>
#include <sallyport/cli/user_directories.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/net/connecting.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/reach/mapping_report.hpp>
#include <sallyport/server/server.hpp>
#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/public_view.hpp>

namespace sallyport::cli {
namespace {

constexpr auto up_program = "sallyport up";
// Below the ports that Linux hands to outgoing connections, so that the whole range is ours.
constexpr auto default_range = "30000-30099";
// Lines that are queued for a slow terminal; the oldest are dropped.
constexpr std::size_t output_lines = 1024;

struct up_options {
    daemon_options daemon;
    std::string directory;
    std::string writer;
    bool yes = false;
    // With --map.
    bool anonymous = false;
    // The certificate for clients' --cacert, if it is self-signed.
    std::string trust_file;

    // Each session prints one line of its own.
    up_options() { daemon.log_level = log::level::warning; }
    void add_to(CLI::App& command);
    [[nodiscard]] result<void> consent() const;
    [[nodiscard]] result<server::settings> server_settings(const server::user& writing) const;
    [[nodiscard]] result<gate::settings> gate_settings();
    [[nodiscard]] confinement_needs needs() const;
};

void up_options::add_to(CLI::App& command) {
    command_table table;
    table.add("Arguments", {{"DIR", "", required(existing_directory(directory)), "Directory to share"}});
    table.add("Accounts and files",
              {{"--writer", "NAME:PASSWORD", text(writer), "Account that may upload; anonymous users may only download",
                "writer, with a random password"},
               {"--anonymous", "", flag(anonymous), "With --map: also allow downloads without a password"},
               {"--yes", "", not_in_file(flag(yes)), "Share DIR even if it is / or contains your home directory"}});
    daemon.add_to(table, "up");
    table.notes =
        "Anonymous users may read what every user of this machine may read, except names that begin with a dot; the writer "
        "reads and writes all of DIR. PASSWORD may be @FILE for the first line of FILE. Ctrl-C stops it.\n\n"
        "Example:\n"
        "  sallyport up ~/shared --listen 0.0.0.0:2121 --writer me:@$HOME/ftp-password\n\n" +
        option_types_help() + daemon_exit_codes;
    set_table(command, std::move(table));
}

/// Refuses directories that are probably not meant to be shared.
result<void> up_options::consent() const {
    std::error_code failed;
    const auto shared = std::filesystem::canonical(directory, failed);
    if (failed || yes) return {};
    const auto refuse = [&](std::string_view what) {
        return fail(errc::usage, fmt::format("DIR {}: this is {}; name a directory in it, or add --yes to share all of it",
                                             directory, what));
    };
    if (shared == "/") return refuse("the whole machine");
    const char* const named = std::getenv("HOME");
    if (named == nullptr || *named == '\0') return {};
    const auto home = std::filesystem::canonical(named, failed);
    if (failed || home == "/") return {};
    if (shared == home) return refuse("your home directory");
    const auto [rest, _] = std::ranges::mismatch(shared, home);
    if (rest == shared.end()) return refuse("a directory that holds your home directory");
    return {};
}

confinement_needs up_options::needs() const {
    confinement_needs out{.directory = directory, .files_to_read = secret_files({writer})};
    // The certificate that is kept there is made, or made again, at the start.
    if (const auto state = state_directory(); !state.empty()) {
        std::error_code ignored;
        std::filesystem::create_directories(state, ignored);
        out.directories_to_write.push_back(state);
    }
    // Also that of the server, which the system chooses.
    out.any_port = true;
    return out;
}

std::string random_password() {
    // Without letters that look alike.
    constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";
    std::string out;
    for (int i = 0; i < 16; ++i) out += letters[randombytes_uniform(letters.size())];
    return out;
}

result<server::settings> up_options::server_settings(const server::user& writing) const {
    auto files = vfs::open_posix_filesystem(directory, {});
    if (!files) return std::unexpected(files.error());
    auto without_links = vfs::open_posix_filesystem(directory, {.follow_links = false});
    if (!without_links) return std::unexpected(without_links.error());
    server::settings out;
    // Only the gateway connects to the server.
    out.listen = {*endpoint::parse("127.0.0.1:0")};
    out.files = std::move(*files);
    out.users = {writing};
    // Otherwise any host of the Internet could download.
    if (anonymous || !daemon.data_connections.maps_ports()) {
        out.anonymous = server::make_anonymous();
        out.anonymous->files = vfs::make_public_view(std::move(*without_links));
    }
    out.idle_timeout = daemon.idle;
    out.stall_timeout = daemon.data_stall;
    out.stall_rate = daemon.stall_rate;
    out.admission = daemon.admission();
    return out;
}

/// The address of this host for other hosts of the network: the source address of the default route. No packet is sent.
ip_address default_source_address() {
    const auto to = ip_address::v4({192, 0, 2, 1});
    return net::own_address_for(to).value_or(ip_address::v4({127, 0, 0, 1}));
}

result<gate::settings> up_options::gate_settings() {
    // With --map, eight are chosen: each is a rule in the router.
    if (!daemon.data_connections.passive_ports && daemon.data_connections.single_port.empty() &&
        !daemon.data_connections.maps_ports())
        daemon.data_connections.passive_ports = port_range::parse(default_range);
    std::optional<net::tls_server_context> in_memory;
    if (daemon.tls_certificates.empty() && daemon.tls_keys.empty()) {
        std::vector<std::string> addresses{default_source_address().text()};
        for (const auto& list : {daemon.listen, daemon.listen_tls}) {
            for (const auto& text : list) {
                // fill() reports an invalid address.
                const auto at = endpoint::parse(text);
                if (at && !at->address.is_unspecified()) addresses.push_back(at->address.text());
            }
        }
        auto certificate = load_or_make_certificate(addresses);
        if (!certificate) return std::unexpected(certificate.error());
        if (certificate->file.empty()) {
            // There is no certificate file to name.
            daemon.tls_passthrough = true;
            in_memory = std::move(certificate->context);
        } else {
            daemon.tls_certificates = {certificate->file};
            daemon.tls_keys = {certificate->key};
            trust_file = certificate->file;
        }
    }
    gate::settings out;
    if (auto filled = daemon.fill(out); !filled) return std::unexpected(filled.error());
    if (in_memory) out.tls = std::move(in_memory);
    return out;
}

/// Whether a shell would find this program.
bool on_path(std::string_view program) {
    const char* const path = std::getenv("PATH");
    std::istringstream directories(path == nullptr ? "" : path);
    for (std::string directory; std::getline(directories, directory, ':');)
        if (::access((std::filesystem::path(directory) / program).c_str(), X_OK) == 0) return true;
    return false;
}

/// How to call this program: by its name if it was called so, otherwise by its absolute path.
std::string program_command() {
    const std::string called = program_invocation_name;
    if (called.find('/') == std::string::npos) return shell_word(called);
    std::error_code failed;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
    return shell_word(failed ? called : self.string());
}

up_examples examples_of(const up_options& options, const server::user& writing, const std::vector<endpoint>& open,
                        std::string fingerprint) {
    const auto real = with_listeners(options.daemon.subject(config_locations()), open);
    up_examples out{.directory = options.directory,
                    .plain = real.listen,
                    .implicit = real.listen_tls,
                    .local_addresses = local_addresses(),
                    .default_address = default_source_address(),
                    .writer = writing.who.name,
                    .password = options.writer.empty() ? writing.password : std::string(),
                    .certificate = options.trust_file,
                    .program = program_command(),
                    .curl = on_path("curl"),
                    .lftp = on_path("lftp"),
                    .fingerprint = std::move(fingerprint),
                    .extra_ports = options.daemon.data_connections.extra_ports_text(),
                    .mapped = options.daemon.data_connections.maps_ports(),
                    .anonymous = options.anonymous || !options.daemon.data_connections.maps_ports()};
    return out;
}

/// The warnings of the start report; the examples contain its facts.
void log_warnings(const up_options& options, const config_locations& locations, const std::vector<endpoint>& open,
                  const shared_directory& shared) {
    auto subject = with_listeners(options.daemon.subject(locations), open);
    subject.passwords = true;
    // Those of the gateway and of the server.
    subject.descriptors_per_session = 6;
    if (!shared.is_writable()) subject.unwritable = options.directory;
    auto report = make_report(subject, read_machine_facts());
    report.facts.clear();
    log_report(report);
}

/// Prints what the router forwards, whenever that has changed.
net::task<> print_mappings(net::loop* loop, const gate::gate* gateway, std::shared_ptr<line_writer> output) {
    constexpr auto interval = std::chrono::milliseconds(200);
    std::string before;
    for (;; co_await loop->sleep_for(interval)) {
        auto all = gateway->mappings();
        const auto now = reach::mapped_text(all);
        if (now == before) continue;
        before = now;
        // Another NAT may be in front of one family only.
        std::erase_if(all, [](const reach::mapping& m) { return !m.external || !m.external->address.is_public(); });
        if (now.empty())
            output->write(log::level::info, "The router forwards no ports any more");
        else if (!all.empty())
            output->write(log::level::info, fmt::format("The router forwards {}; clients on the Internet connect there",
                                                        reach::mapped_text(all)));
    }
}

int run(CLI::App& command, up_options& options) {
    if (sodium_init() < 0) return ops::report_start_failure(up_program, {errc::io, 0, "no random numbers from the system"});
    const auto ready = prepare(command, options.daemon);
    if (!ready) return ops::report_start_failure(up_program, ready.error());
    const auto confined = prepare_confinement(options.daemon, options.needs());
    if (!confined) return ops::report_start_failure(up_program, ready->locate(confined.error()));
    if (const auto opened = open_log(options.daemon); !opened) return ops::report_start_failure(up_program, opened.error());
    auto writing = options.writer.empty()
                       ? result<server::user>(server::make_user("writer", random_password(), server::right_set::all()))
                       : parse_user("--writer", options.writer, server::right_set::all());
    if (!writing) return ops::report_start_failure(up_program, ready->locate(writing.error()));
    if (const auto agreed = options.consent(); !agreed) return ops::report_start_failure(up_program, agreed.error());
    auto server_settings = options.server_settings(*writing);
    if (!server_settings) return ops::report_start_failure(up_program, server_settings.error());
    auto gate_settings = options.gate_settings();
    if (!gate_settings) return ops::report_start_failure(up_program, ready->locate(gate_settings.error()));
    const std::string fingerprint = gate_settings->tls->fingerprint();
    // A terminal or pipe that does not read must not block an event loop.
    const auto output =
        std::make_shared<line_writer>(unique_fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)), "standard output",
                                      line_writer::setup{.thread = "output", .queue = output_lines});
    gate_settings->session_ended = [output](const status::session_summary& session) {
        output->write(log::level::info, text_of(session));
    };

    ops::daemon host(up_program, options.daemon.threads, options.daemon.stop_timeout);
    host.on_rotate(gate_settings->transfer_log);
    status::counters server_counters;
    status::counters gate_counters;
    server::server files(host.loops(), std::move(*server_settings), server_counters);
    if (auto started = files.start(); !started) return ops::report_start_failure(up_program, started.error());
    const vfs::leftover_sweep sweep({options.directory});
    gate_settings->backends = {{.host = "127.0.0.1", .port = files.endpoints().front().port}};
    gate::gate gateway(host.loops(), std::move(*gate_settings), gate_counters);
    if (auto started = gateway.start(); !started) return ops::report_start_failure(up_program, started.error());
    host.add([&gateway](auto grace, auto done) { gateway.stop(grace, std::move(done)); });
    host.add([&files](auto grace, auto done) { files.stop(grace, std::move(done)); });
    const shared_directory shared(options.directory);
    if (const auto done = ops::finish_confinement(*confined); !done)
        return ops::report_start_failure(up_program, done.error());
    if (options.daemon.data_connections.maps_ports())
        host.loops().at(0).spawn("mappings", print_mappings(&host.loops().at(0), &gateway, output));
    fmt::print("{}", text_of(examples_of(options, *writing, gateway.endpoints(), fingerprint)));
    std::fflush(stdout);
    log_warnings(options, *ready, gateway.endpoints(), shared);
    const int code = host.run(gateway.endpoints());
    output->write(log::level::info, fmt::format("{}: {}", up_program, server_counters.read().line()));
    (void)output->flush(log::end_deadline());
    return code;
}

}  // namespace

void add_up_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<up_options>();
    CLI::App* command = app.add_subcommand("up", "Share a directory now, with a gateway, TLS and default settings");
    options->add_to(*command);
    command->callback([options, command, &exit_code] { exit_code = run(*command, *options); });
}

}  // namespace sallyport::cli
