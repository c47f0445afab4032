#include <sallyport/cli/user_directories.hpp>

#include <cstdlib>
#include <filesystem>

namespace sallyport::cli {
namespace {

namespace fs = std::filesystem;

/// The absolute path in an environment variable; empty if there is none.
fs::path path_in(const char* variable) {
    const char* const value = std::getenv(variable);
    return value != nullptr && *value == '/' ? fs::path(value) : fs::path();
}

std::string user_directory(const char* variable, const char* below_home) {
    auto base = path_in(variable);
    if (const auto home = path_in("HOME"); base.empty() && !home.empty()) base = home / below_home;
    return base.empty() ? std::string() : (base / "sallyport").string();
}

}  // namespace

std::string config_directory() { return user_directory("XDG_CONFIG_HOME", ".config"); }

std::string state_directory() { return user_directory("XDG_STATE_HOME", ".local/state"); }

}  // namespace sallyport::cli
