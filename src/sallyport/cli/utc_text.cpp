#include <sallyport/cli/utc_text.hpp>

#include <ctime>

#include <fmt/chrono.h>

namespace sallyport::cli {
namespace {

std::tm utc(std::int64_t seconds) {
    std::tm out{};
    std::time_t time = seconds;
    if (::gmtime_r(&time, &out) != nullptr) return out;
    time = 0;
    ::gmtime_r(&time, &out);
    return out;
}

}  // namespace

std::string utc_date(std::int64_t seconds) { return fmt::format("{:%Y-%m-%d}", utc(seconds)); }
std::string utc_minute(std::int64_t seconds) { return fmt::format("{:%Y-%m-%d %H:%M}", utc(seconds)); }
std::string iso_time(std::int64_t seconds) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc(seconds)); }

}  // namespace sallyport::cli
