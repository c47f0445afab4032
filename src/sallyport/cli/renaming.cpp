#include <sallyport/cli/renaming.hpp>

namespace sallyport::cli {

std::string path_after_move(std::string path, const std::string& target) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const auto slash = path.rfind('/');
    const auto name = slash == path.npos ? path : path.substr(slash + 1);
    const auto directory = slash == path.npos ? std::string() : path.substr(0, slash + 1);
    const auto to = target.starts_with('/') ? target : directory + target;
    return to.ends_with('/') ? to + name : to;
}

}  // namespace sallyport::cli
