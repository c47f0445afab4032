// sallyport up: the whole thing on defaults, a server sharing a directory behind a gateway.

#include <array>
#include <memory>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/commands.hpp>
#include <sallyport/cli/daemon.hpp>
#include <sallyport/cli/front_options.hpp>
#include <sallyport/cli/own_certificate.hpp>
#include <sallyport/cli/users.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/server/server.hpp>
#include <sallyport/vfs/leftovers.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::cli {
namespace {

constexpr auto name = "sallyport up";
// Below the ports that Linux hands to outgoing connections, so that the whole range is ours.
constexpr auto default_range = "30000-30099";

struct up_options {
    front_options front;
    std::string directory = ".";
    std::string writer;
    std::string trust_file;  // for clients' --cacert, where the certificate is our own

    void add_to(CLI::App& command);
    [[nodiscard]] result<server::settings> server_settings(const server::user& writing) const;
    [[nodiscard]] result<gate::settings> gate_settings();
};

void up_options::add_to(CLI::App& command) {
    command.add_option("DIR", directory, "Directory to share")->check(CLI::ExistingDirectory)->capture_default_str();
    command.add_option("--writer", writer, "The user who may write (default: 'writer' and a password made for this run)")
        ->type_name("NAME:PASSWORD");
    front.add_to(command);
    command.footer(
        "Anybody may read, the writer may write. Without --tls-cert a certificate is made and kept for this user.\n"
        "Example:  sallyport up ~/shared --listen 0.0.0.0:2121 --writer me:secret\n"
        "Ctrl-C stops it. Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong options.");
}

std::string made_password() {
    constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";  // none that look alike
    std::string out;
    for (int i = 0; i < 16; ++i) out += letters[randombytes_uniform(letters.size())];
    return out;
}

result<server::settings> up_options::server_settings(const server::user& writing) const {
    auto files = vfs::open_posix_filesystem(directory, {});
    if (!files) return std::unexpected(files.error());
    server::settings out;
    out.listen = {*endpoint::parse("127.0.0.1:0")};  // the gateway is the only way in
    out.files = std::move(*files);
    out.users = {writing};
    out.anonymous = true;
    out.idle = std::chrono::seconds(front.idle_seconds);
    out.data_stall = std::chrono::seconds(front.stall_seconds);
    out.stall_rate = front.stall_rate;
    out.admit = front.admission();
    return out;
}

/// The address by which others on the network reach this host: the source address of a route outwards. Nothing is sent.
std::string outward_address() {
    const unique_fd probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    std::array<char, INET_ADDRSTRLEN> text{};
    if (!probe || ::connect(probe.get(), generic, sizeof address) != 0 ||
        ::getsockname(probe.get(), generic, &length) != 0 ||
        inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) == nullptr) {
        return "127.0.0.1";
    }
    return text.data();
}

result<gate::settings> up_options::gate_settings() {
    if (front.inbound.passive_ports.empty() && front.inbound.data_port.empty()) front.inbound.passive_ports = default_range;
    gate::settings out;
    if (auto filled = front.fill(out); !filled) return std::unexpected(filled.error());
    if (!out.tls) {
        auto own = load_or_make_certificate(outward_address());
        if (!own) return std::unexpected(own.error());
        out.tls = std::move(own->context);
        trust_file = std::move(own->file);
    }
    return out;
}

void print_guide(const up_options& options, const server::user& writing, const endpoint& at,
                 const std::string& fingerprint) {
    const std::string host = !at.address.is_unspecified() ? endpoint{at.address, 0}.text() : outward_address() + ":0";
    const std::string place = fmt::format("{}:{}", host.substr(0, host.rfind(':')), at.port);
    const bool known = !options.trust_file.empty();
    const std::string curl_trust = known ? "--cacert " + options.trust_file : "-k";
    const std::string lftp_trust = known ? "set ssl:ca-file " + options.trust_file : "set ssl:verify-certificate no";
    const std::string own_trust = known ? "--ca " + options.trust_file : "--insecure";
    const std::string secret = options.writer.empty() ? writing.password : "PASSWORD";
    const std::string as_writer = writing.name + ":" + secret;
    fmt::print("Sharing {} on {}: anybody reads, {} writes{}.\n\n", options.directory, place, writing.name,
               options.writer.empty() ? ", password " + secret : "");
    fmt::print("  curl       curl ftp://{0}/\n             curl {1} --ssl-reqd -u {2} -T FILE ftp://{0}/\n", place,
               curl_trust, as_writer);
    fmt::print("  lftp       lftp -u {},{} -e '{}' ftp://{}\n", writing.name, secret, lftp_trust, place);
    fmt::print("  Sallyport  sallyport ls ftp://{0}/\n             sallyport put {1} FILE ftpes://{2}@{0}/\n\n", place,
               own_trust, as_writer);
    fmt::print("Certificate SHA-256 {}\nIn a firewall open TCP {}{}. Ctrl-C stops.\n\n", fingerprint, at.port,
               options.front.inbound.ports_beside());
    std::fflush(stdout);
}

int run(CLI::App& command, up_options& options) {
    if (sodium_init() < 0) return report_start_failure(name, {errc::io, 0, "no random numbers from the system"});
    const auto ready = prepare(command, options.front);
    if (!ready) return report_start_failure(name, ready.error());
    auto writing = options.writer.empty() ? result<server::user>(server::user{"writer", made_password(), false})
                                          : parse_user(options.writer, false);
    if (!writing) return report_start_failure(name, writing.error());
    auto inside = options.server_settings(*writing);
    if (!inside) return report_start_failure(name, inside.error());
    auto outside = options.gate_settings();
    if (!outside) return report_start_failure(name, ready->locate(outside.error()));
    const std::string fingerprint = outside->tls->fingerprint();

    daemon host(name, options.front.loops, std::chrono::seconds(options.front.stop_seconds));
    host.on_rotate(outside->transfers);
    status::counters server_counters;
    status::counters gate_counters;
    server::server files(host.loops(), std::move(*inside), server_counters);
    if (auto started = files.start(); !started) return report_start_failure(name, started.error());
    const vfs::leftover_sweep sweep(options.directory);
    outside->backends = {{.host = "127.0.0.1", .port = files.endpoints().front().port}};
    gate::gate front(host.loops(), std::move(*outside), gate_counters);
    if (auto started = front.start(); !started) return report_start_failure(name, started.error());
    host.add([&front](auto grace, auto done) { front.stop(grace, std::move(done)); });
    host.add([&files](auto grace, auto done) { files.stop(grace, std::move(done)); });
    print_guide(options, *writing, front.endpoints().front(), fingerprint);
    const int code = host.run(front.endpoints());
    fmt::print("{}: {}\n", name, server_counters.take().line());
    return code;
}

}  // namespace

void add_up_command(CLI::App& app, int& exit_code) {
    auto options = std::make_shared<up_options>();
    CLI::App* command = app.add_subcommand("up", "Share a directory at once: server, gateway and certificate on defaults");
    options->add_to(*command);
    command->callback([options, command, &exit_code] { exit_code = run(*command, *options); });
}

}  // namespace sallyport::cli
