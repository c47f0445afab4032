#pragma once
// Makes a listing of the lines that a server sends, within bounds and without traps (CL-04). Plain value; one thread.

#include <cstdint>
#include <string_view>

#include <sallyport/client/client.hpp>
#include <sallyport/proto/list_parser.hpp>

namespace sallyport::client {

class listing_collector {
public:
    enum class form : std::uint8_t { mlsd, list };

    /// `now` is for forms that leave out the year.
    listing_collector(form as, std::int64_t now) : as_(as), parser_(now) {}

    /// One line; errc::too_long once the listing is larger than any that we take.
    [[nodiscard]] result<void> add_line(std::string_view line);
    /// After the last line. `damaged_lines` could not even be read as lines.
    void finish(std::size_t damaged_lines);

    /// There were lines, and not one of them was an entry in a known form.
    [[nodiscard]] bool recognized_nothing() const noexcept { return recognized_ == 0 && report_.unrecognized_lines > 0; }
    [[nodiscard]] listing_report& report() noexcept { return report_; }

private:
    void add(proto::entry e);

    form as_;
    proto::list_parser parser_;
    listing_report report_;
    std::uint64_t bytes_ = 0;
    std::size_t recognized_ = 0;
};

}  // namespace sallyport::client
