#include <sallyport/cli/self_signed_certificate.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/certificate_file.hpp>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t day = 24 * 60 * 60;

std::vector<std::string> local_names(const std::vector<std::string>& addresses) {
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
    for (const auto& address : addresses)
        if (std::ranges::find(names, address) == names.end()) names.push_back(address);
    std::array<char, 256> host{};
    if (gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0') names.emplace_back(host.data());
    return names;
}

/// Whether the certificate is valid for all of these addresses.
bool is_still_good(const fs::path& certificate, const std::vector<std::string>& addresses) {
    const auto facts = net::read_certificate(certificate);
    if (!facts || facts->not_after < std::time(nullptr) + day) return false;
    return std::ranges::all_of(
        addresses, [&](const std::string& a) { return std::ranges::find(facts->names, a) != facts->names.end(); });
}

bool replace_file(const fs::path& path, const std::string& text, mode_t mode) {
    std::error_code ignored;
    fs::remove(path, ignored);
    return write_new_file(path, text, mode).has_value();
}

}  // namespace

result<void> write_new_file(const std::string& path, const std::string& text, unsigned mode) {
    const unique_fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file) return fail_os(errno, path);
    std::string_view rest = text;
    while (!rest.empty()) {
        const auto written = ::write(file.get(), rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_os(errno, path);
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

result<self_signed_certificate> load_or_make_certificate(const std::vector<std::string>& addresses) {
    const fs::path directory = state_directory();
    const fs::path certificate = directory / "up-cert.pem";
    const fs::path key = directory / "up-key.pem";
    if (!directory.empty() && is_still_good(certificate, addresses)) {
        if (auto stored = net::tls_server_context::from_files({{certificate, key}}))
            return self_signed_certificate{std::move(*stored), certificate, key};
    }
    auto made = net::make_self_signed(local_names(addresses), certificate_days);
    if (!made) return std::unexpected(made.error());
    auto context = net::tls_server_context::from_pem(made->certificate, made->key);
    if (!context) return std::unexpected(context.error());
    // If the certificate cannot be stored, it is used for this run only.
    std::error_code ignored;
    if (!directory.empty()) fs::create_directories(directory, ignored);
    const bool stored =
        !directory.empty() && replace_file(key, made->key, 0600) && replace_file(certificate, made->certificate, 0644);
    return self_signed_certificate{std::move(*context), stored ? certificate.string() : std::string(),
                                   stored ? key.string() : std::string()};
}

}  // namespace sallyport::cli
