#include <sallyport/helper/client.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sallyport/base/limits.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/helper/opening_changes.hpp>
#include <sallyport/helper/process.hpp>
#include <sallyport/helper/remote_table.hpp>
#include <sallyport/helper/service.hpp>
#include <sallyport/helper/starter.hpp>

namespace sallyport::helper {
namespace {

[[nodiscard]] std::vector<unique_fd> list_of(auto... channels) {
    std::vector<unique_fd> out;
    (out.push_back(std::move(channels)), ...);
    return out;
}

void run_starter(const std::string& program, const sigset_t& signals) {
    starter state(program, signals);
    serve(first_channel, [&state](const request& r, std::span<unique_fd> fds) { return state.handle(r, fds); });
}

void run_service(const permissions& allowed, const std::function<void()>& confine) {
    const auto openings = make_table(allowed);
    if (confine) confine();
    service state(allowed, openings);
    std::optional<opening_changes> changes;
    std::thread of_changes;
    std::thread of_passing;
    if (openings) {
        changes.emplace(allowed, **openings);
        of_changes = std::thread([&changes] {
            serve(first_channel + 1,
                  [&changes](const request& r, std::span<unique_fd> fds) { return changes->handle(r, fds); });
        });
    }
    if (allowed.interception) {
        of_passing = std::thread([&state] {
            serve(first_channel + 2,
                  [&state](const request& r, std::span<unique_fd> fds) { return state.handle_passing(r, fds); });
        });
    }
    serve(first_channel, [&state](const request& r, std::span<unique_fd> fds) { return state.handle(r, fds); });
    // The other end of all channels was closed. The end of the table removes all openings.
    if (of_changes.joinable()) of_changes.join();
    if (of_passing.joinable()) of_passing.join();
}

}  // namespace

client::client(unique_fd starter, unique_fd requests, unique_fd changes, unique_fd passing,
               std::vector<permitted_file> files)
    : starter_(std::move(starter), limits::helper_timeout),
      requests_(std::make_shared<channel>(std::move(requests), limits::helper_timeout)),
      // The kernel may let a change wait for as long as another program has its lock. Only the threads for changes wait.
      changes_(std::make_shared<channel>(std::move(changes), std::chrono::seconds(0))),
      passing_(std::move(passing), std::chrono::seconds(0)),
      files_(std::move(files)) {}

result<std::unique_ptr<client>> client::start(permissions allowed, std::function<void()> confine) {
    auto starter = make_pair();
    auto requests = make_pair();
    auto changes = make_pair();
    auto passing = make_pair();
    for (const auto* made : {&starter, &requests, &changes, &passing})
        if (!*made) return std::unexpected(made->error());
    std::unique_ptr<client> out(new client(std::move(starter->ours), std::move(requests->ours), std::move(changes->ours),
                                           std::move(passing->ours), allowed.files));
    auto pid = start_process("starter", list_of(std::move(starter->theirs)),
                             [&](const sigset_t& signals) { run_starter(allowed.program, signals); });
    if (!pid) return std::unexpected(std::move(pid).error());
    out->processes_.push_back(*pid);
    pid =
        start_process("helper", list_of(std::move(requests->theirs), std::move(changes->theirs), std::move(passing->theirs)),
                      [&](const sigset_t&) { run_service(allowed, confine); });
    if (!pid) return std::unexpected(std::move(pid).error());
    out->processes_.push_back(*pid);
    return out;
}

client::~client() {
    starter_.close();
    requests_->close();
    changes_->close();
    passing_.close();
    for (const int pid : processes_) ::waitpid(pid, nullptr, 0);
}

result<int> client::start_successor(std::span<const int> sockets, std::span<const std::string> down, int connection) {
    constexpr auto what = "starting a new process";
    if (auto cleared = starter_.ask({{.kind = request_kind::clear_successor}, {}}, what); !cleared)
        return std::unexpected(cleared.error());
    for (const int fd : sockets)
        if (auto added = starter_.ask({{.kind = request_kind::add_socket}, {fd}}, what); !added)
            return std::unexpected(added.error());
    for (const auto& name : down) {
        request r{.kind = request_kind::add_down_backend};
        // A backend that is not named is checked by the new process.
        if (name.size() >= r.text.size()) continue;
        std::ranges::copy(name, r.text.begin());
        if (auto added = starter_.ask({r, {}}, what); !added && added.error().os != ENOSPC)
            return std::unexpected(added.error());
    }
    auto started = starter_.ask({{.kind = request_kind::start_successor}, {connection}}, what);
    if (!started) return std::unexpected(started.error());
    return started->text.number;
}

void client::end_successor() { (void)starter_.ask({{.kind = request_kind::end_successor}, {}}, "ending the new process"); }

result<std::optional<int>> client::successor_status() {
    auto status = starter_.ask({{.kind = request_kind::successor_status}, {}}, "the new process");
    if (status) return status->text.number;
    if (status.error().os == EAGAIN) return std::nullopt;
    return std::unexpected(status.error());
}

result<void> client::connect_from_low_port(int control, int data, const endpoint& target) {
    const request r{.kind = request_kind::connect_from_low_port, .target = wire_endpoint::of(target)};
    auto connected = requests_->ask({r, {control, data}}, "connecting from a port below 1024");
    if (connected) return {};
    auto reason = std::move(connected.error());
    reason.code = reason.os == EACCES ? errc::permission : errc::exhausted;
    return std::unexpected(std::move(reason));
}

result<unique_fd> client::open_file(const std::string& path, bool append) {
    const auto found =
        std::ranges::find_if(files_, [&](const permitted_file& f) { return f.path == path && f.append == append; });
    if (found == files_.end()) {
        return fail(errc::permission,
                    fmt::format("{}: this daemon may open only the files that its configuration named when it started; use "
                                "the command \"restart\" to name another one",
                                path));
    }
    const request r{.kind = request_kind::open_file, .number = static_cast<std::uint32_t>(found - files_.begin())};
    auto opened = requests_->ask({r, {}}, path);
    if (!opened) return std::unexpected(opened.error());
    return std::move(opened->descriptor);
}

result<void> client::bind_port(int socket, const endpoint& at) {
    const request r{.kind = request_kind::bind_port, .target = wire_endpoint::of(at)};
    auto bound = requests_->ask({r, {socket}}, at.text());
    if (!bound) return std::unexpected(std::move(bound.error()));
    return {};
}

result<std::unique_ptr<firewall::table>> client::find_table() {
    const auto found = requests_->ask({{.kind = request_kind::find_table}, {}}, "the table of openings");
    if (!found) return std::unexpected(found.error());
    if (const auto missing = text_of(found->text); !missing.empty())
        log::warning({},
                     fmt::format("Forwarded data connections are not related to their control connections: {}; rules that "
                                 "drop new connections must accept 'ct status dnat'",
                                 missing));
    return std::make_unique<remote_table>(requests_, changes_);
}

result<unique_fd> client::listen_transparent(std::size_t interception, bool v4) {
    const request r{.kind = request_kind::listen_transparent,
                    .number = static_cast<std::uint32_t>(interception),
                    .target = {.family = static_cast<std::uint16_t>(v4 ? 4 : 6)}};
    auto opened = requests_->ask({r, {}}, "listening for intercepted sessions");
    if (!opened) return std::unexpected(std::move(opened).error());
    return std::move(opened->descriptor);
}

result<void> client::start_interception() {
    auto started = requests_->ask({{.kind = request_kind::start_interception}, {}}, "intercepting sessions");
    if (!started) return std::unexpected(std::move(started).error());
    return {};
}

result<std::uint32_t> client::pass_ports(std::size_t interception, int client_control, int backend_control) {
    const request r{.kind = request_kind::pass_ports, .number = static_cast<std::uint32_t>(interception)};
    const auto passed = passing_.ask({r, {client_control, backend_control}}, "ports of a session that passes TLS");
    if (!passed) return std::unexpected(passed.error());
    return static_cast<std::uint32_t>(passed->text.number);
}

result<void> client::end_passing(std::uint32_t number) {
    const auto ended = passing_.ask({{.kind = request_kind::end_passing, .number = number}, {}}, "the end of passed ports");
    if (!ended) return std::unexpected(ended.error());
    return {};
}

result<bool> client::passed_data_moved(std::uint32_t number) {
    const auto found =
        passing_.ask({{.kind = request_kind::passed_data_moved, .number = number}, {}}, "passed ports in use");
    if (!found) return std::unexpected(found.error());
    return found->text.number != 0;
}

result<std::uint32_t> client::dropped_requests() {
    const auto found = requests_->ask({{.kind = request_kind::dropped_requests}, {}}, "counting dropped sessions");
    if (!found) return std::unexpected(found.error());
    return static_cast<std::uint32_t>(found->text.number);
}

void client::end_interception() {
    (void)requests_->ask({{.kind = request_kind::end_interception}, {}}, "ending the interception");
}

result<unique_fd> client::client_socket(int client_control) {
    auto made =
        requests_->ask({{.kind = request_kind::client_socket}, {client_control}}, "a socket with the client's address");
    if (!made) return std::unexpected(std::move(made).error());
    return std::move(made->descriptor);
}

result<ip_address> client::translated_address(int backend_control) {
    auto found =
        requests_->ask({{.kind = request_kind::translation_of}, {backend_control}}, "the address that a server sees");
    if (!found) return std::unexpected(std::move(found).error());
    const auto seen = found->text.address.value();
    if (!seen) return fail(errc::misuse, "the helper's reply has no address");
    return seen->address;
}

std::string program_path() {
    std::array<char, 4096> path{};
    const auto n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    return n > 0 ? std::string(path.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace sallyport::helper
