#include <sallyport/cli/own_certificate.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;

constexpr int valid_days = 825;

fs::path state_directory() {
    if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/')
        return fs::path(state) / "sallyport";
    if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
        return fs::path(home) / ".local/state/sallyport";
    return {};
}

bool write_file(const fs::path& path, const std::string& text, mode_t mode) {
    const unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::vector<std::string> own_names(const std::string& address) {
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
    if (address != "127.0.0.1") names.push_back(address);
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') names.emplace_back(host.data());
    return names;
}

}  // namespace

result<own_certificate> load_or_make_certificate(const std::string& address) {
    const fs::path directory = state_directory();
    const fs::path certificate = directory / "up-cert.pem";
    const fs::path key = directory / "up-key.pem";
    if (!directory.empty()) {
        if (auto kept = net::tls_server_context::from_files({{certificate, key}}))
            return own_certificate{std::move(*kept), certificate};
    }
    auto made = net::make_self_signed(own_names(address), valid_days);
    if (!made) return std::unexpected(made.error());
    auto context = net::tls_server_context::from_pem(made->certificate, made->key);
    if (!context) return std::unexpected(context.error());
    std::error_code ignored;  // where it can't be kept it serves for this run
    if (!directory.empty()) fs::create_directories(directory, ignored);
    const bool kept =
        !directory.empty() && write_file(key, made->key, 0600) && write_file(certificate, made->certificate, 0644);
    return own_certificate{std::move(*context), kept ? certificate.string() : std::string()};
}

}  // namespace sallyport::cli
