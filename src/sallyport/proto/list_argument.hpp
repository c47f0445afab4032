#pragma once
// The argument of LIST, NLST, MLSD and STAT, split into options, path and wildcard pattern.
//
// Clients send options as to the program ls: "-la dir/*.txt". A value whose views point into the parsed text; any thread.

#include <string_view>

namespace sallyport::proto {

/// The views point into the text that was parsed.
struct list_argument {
    // The text after the options.
    std::string_view name;
    // The name without the pattern: "dir/".
    std::string_view path;
    // The last component if it has a wildcard, otherwise empty: wildcards are allowed only there (FS-03).
    std::string_view pattern;
    bool show_hidden = false;
    // The text from the first option that clients do not usually send. It may be a file name that starts with a hyphen.
    std::string_view unusual;

    /// Of the options only "a" has an effect. "--" ends the options, so that "-- -x" is a name.
    [[nodiscard]] static list_argument parse(std::string_view text);
};

}  // namespace sallyport::proto
