#pragma once
// Parses the lines of a listing into entries, within limits and without unsafe names (CL-04). A value for one thread.

#include <cstdint>
#include <string_view>

#include <sallyport/client/client.hpp>
#include <sallyport/proto/list_parser.hpp>

namespace sallyport::client {

class listing_collector {
public:
    enum class form : std::uint8_t { mlsd, list };

    /// `now` completes dates without a year.
    listing_collector(form as, std::int64_t now) : as_(as), parser_(now) {}

    /// Adds one line. errc::too_long if the listing exceeds the limits.
    [[nodiscard]] result<void> add_line(std::string_view line);
    /// To be called after the last line. `damaged_lines` is the number of lines that the handler dropped.
    void finish(std::size_t damaged_lines);

    /// There were lines, but none in a known format.
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
