#include <sallyport/cli/doctor_listen.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include <sallyport/base/log.hpp>
#include <sallyport/cli/exit_code.hpp>
#include <sallyport/cli/transfer_result.hpp>
#include <sallyport/ops/daemon.hpp>
#include <sallyport/server/server.hpp>
#include <sallyport/status/counters.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>

namespace sallyport::cli {
namespace {

constexpr auto program = "sallyport doctor --listen";

/// An empty directory, as long as this lives.
class empty_directory {
public:
    [[nodiscard]] result<void> make() {
        std::error_code ignored;
        std::string name = (std::filesystem::temp_directory_path(ignored) / "sallyport-doctor-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            const int why = errno;
            return fail_os(why, "cannot make the empty directory " + name);
        }
        path_ = std::move(name);
        return {};
    }
    empty_directory() = default;
    empty_directory(const empty_directory&) = delete;
    empty_directory& operator=(const empty_directory&) = delete;
    ~empty_directory() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    std::string path_;
};

/// What to type at the other end.
std::string first_screen(const std::vector<endpoint>& listening, const std::optional<port_range>& ports) {
    std::string out = "Test server for 'sallyport doctor'; stop it with Ctrl-C. On the other machine, run:\n";
    for (const auto& each : listening) {
        const auto at = each.address.is_unspecified() ? fmt::format("THIS-MACHINE:{}", each.port) : each.text();
        out += fmt::format("  sallyport doctor ftp://{}/\n", at);
    }
    out += fmt::format("Anyone who connects can log in, and finds an empty directory. Passive ports: {}.\n",
                       ports ? ports->text() : "any free port (--ports A-B for a range)");
    return out;
}

}  // namespace

int listen_for_doctor(const std::vector<std::string>& addresses, const std::optional<port_range>& ports) {
    server::settings settings;
    for (const auto& each : addresses) {
        const auto at = endpoint::parse(each);
        if (!at)
            return report_error(
                "doctor",
                error{errc::usage, 0,
                      fmt::format("--listen {}: invalid address; use ADDRESS:PORT, for example [::]:2121", each)},
                exit_status::usage);
        settings.listen.push_back(*at);
    }
    empty_directory directory;
    if (const auto made = directory.make(); !made) return report_error("doctor", made.error(), exit_status::local_file);
    auto files = vfs::open_posix_filesystem(directory.path(), {});
    if (!files) return report_error("doctor", files.error(), exit_status::local_file);
    settings.files = std::move(*files);
    settings.anonymous = server::make_anonymous();
    settings.site_doctor = true;
    if (ports) settings.passive_data.ports.range = *ports;
    if (const auto opened = log::open("-", log::level::info); !opened)
        return report_error("doctor", opened.error(), exit_status::local_file);
    ops::daemon host(program, 1, limits::stop_timeout);
    status::counters counters;
    server::server counterpart(host.loops(), std::move(settings), counters);
    if (const auto started = counterpart.start(); !started)
        return report_error("doctor", started.error(), exit_status::usage);
    host.add([&counterpart](auto grace, auto done) { counterpart.stop(grace, std::move(done)); });
    fmt::print("{}", first_screen(counterpart.endpoints(), ports));
    std::fflush(stdout);
    return host.run(counterpart.endpoints());
}

}  // namespace sallyport::cli
