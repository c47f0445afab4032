#pragma once
// What LIST, NLST, MLSD and STAT are given by clients: "-la dir/*.txt", as if they spoke to ls. A value; any thread.

#include <string_view>

namespace sallyport::proto {

/// Views into the parsed text.
struct list_argument {
    std::string_view name;     // what follows the options
    std::string_view path;     // the same without the pattern: "dir/"
    std::string_view pattern;  // the last component where it has a wildcard; only there (FS-03)
    bool show_hidden = false;
    std::string_view unusual;  // from an option on that clients don't send: it may be a name, if there is one like it

    /// Of all options only "a" means something; "--" ends them, so that "-- -x" is a name.
    [[nodiscard]] static list_argument parse(std::string_view text);
};

}  // namespace sallyport::proto
