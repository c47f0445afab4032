#include <sallyport/cli/renaming.hpp>

#include <sallyport/client/remote_file.hpp>

namespace sallyport::cli {

std::string path_after_move(std::string path, const std::string& target) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const auto to = target.starts_with('/') ? target : client::directory_part(path) + target;
    return to.ends_with('/') ? to + client::last_component(path) : to;
}

}  // namespace sallyport::cli
