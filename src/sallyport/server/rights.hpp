#pragma once
// The rights of an account: what it may do with files and directories. Values and pure functions; any thread.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::server {

enum class right : std::uint8_t {
    // The names in a directory and their facts.
    list,
    // Download.
    read,
    // Create files.
    write,
    // Continue existing files at their end.
    append,
    // Remove files and directories.
    remove,
    // Rename and move files and directories.
    rename,
    // Create directories.
    mkdir,
    // Replace existing files, by uploads and renames, and set their time and mode.
    overwrite,
};

/// The rights as they are configured.
inline constexpr auto right_names = std::to_array<std::pair<std::string_view, right>>({{"list", right::list},
                                                                                       {"read", right::read},
                                                                                       {"write", right::write},
                                                                                       {"append", right::append},
                                                                                       {"delete", right::remove},
                                                                                       {"rename", right::rename},
                                                                                       {"mkdir", right::mkdir},
                                                                                       {"overwrite", right::overwrite}});

class right_set {
public:
    constexpr right_set() noexcept = default;
    constexpr right_set(std::initializer_list<right> rights) noexcept {
        for (const right r : rights) add(r);
    }
    [[nodiscard]] static constexpr right_set all() noexcept {
        right_set out;
        for (const auto& [name, r] : right_names) out.add(r);
        return out;
    }
    [[nodiscard]] static constexpr right_set read_only() noexcept { return {right::list, right::read}; }

    constexpr void add(right r) noexcept { bits_ = static_cast<std::uint8_t>(bits_ | bit(r)); }
    [[nodiscard]] constexpr bool has(right r) const noexcept { return (bits_ & bit(r)) != 0; }
    /// Whether all of `others` are in this set.
    [[nodiscard]] constexpr bool has_all(right_set others) const noexcept { return (others.bits_ & ~bits_) == 0; }
    /// Whether one of them changes files or directories.
    [[nodiscard]] constexpr bool can_change() const noexcept { return !read_only().has_all(*this); }

    friend constexpr bool operator==(right_set, right_set) noexcept = default;

private:
    [[nodiscard]] static constexpr unsigned bit(right r) noexcept { return 1U << static_cast<unsigned>(r); }
    std::uint8_t bits_ = 0;
};

[[nodiscard]] std::optional<right> parse_right(std::string_view name) noexcept;

}  // namespace sallyport::server
