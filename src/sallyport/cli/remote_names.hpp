#pragma once
// What is known about the names in directories of a server, for completions. Directories that are not known are listed on
// the connections of the shell, while its user goes on typing.
//
// Owned by the shell, which destroys it before the connections; the main thread. There are no errors: a directory that
// cannot be listed has no names that are known.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/cli/kept_site.hpp>

namespace sallyport::cli {

struct known_name {
    std::string name;
    bool is_directory = false;
};

class remote_names {
public:
    explicit remote_names(kept_site& site);

    /// The names in a directory. If they are not known, begins to list it, and waits for a moment, but only until a key is
    /// pressed. Nothing if the answer is still missing: a later call has it.
    [[nodiscard]] std::optional<std::vector<known_name>> in(const std::string& directory);
    /// After a command that may have changed something.
    void forget();

private:
    struct listings;

    kept_site& site_;
    std::shared_ptr<listings> listings_;
};

}  // namespace sallyport::cli
