#pragma once
// Translates the configuration of vsftpd 3.0 into that of 'sallyport serve'. Pure functions on values; any thread.
//
// Every setting of the source has one line in the report, and so has every default of vsftpd that has an effect here, so
// that nothing is lost without a word. A source that vsftpd itself would refuse is an error.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

enum class import_outcome : std::uint8_t {
    // The result means the same.
    taken,
    // The nearest equivalent, or something that is always so here.
    nearest,
    // Without effect on what clients may do.
    dropped,
    // Dropped, and the result permits more than the source did.
    less_safe,
};

struct imported_setting {
    // 0: not in the source, a default of vsftpd.
    std::size_t line = 0;
    std::string key;
    std::string value;
    import_outcome outcome = import_outcome::dropped;
    // What it has become, or why it was dropped.
    std::string text;
};

struct import_result {
    std::vector<imported_setting> settings;
    // The configuration file.
    std::string toml;

    [[nodiscard]] bool is_less_safe() const noexcept;
    /// One line for each setting.
    [[nodiscard]] std::string report(std::string_view file) const;
};

/// `users`: lines NAME:HASH, as in /etc/shadow or a file of htpasswd; locked accounts are left out.
[[nodiscard]] result<import_result> import_vsftpd(std::string_view text, std::string_view users);

}  // namespace sallyport::cli
