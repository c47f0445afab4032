#include <sallyport/cli/progress_bar.hpp>
#include <sallyport/cli/terminal.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/base/escape.hpp>

namespace sallyport::cli {

namespace {

constexpr auto between_drawings = std::chrono::milliseconds(100);
constexpr std::size_t max_bar_width = 30;

}  // namespace

std::string readable_size(double bytes) {
    static constexpr std::array<std::string_view, 6> units{"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    std::size_t unit = 0;
    while (bytes >= 1023.5 && unit + 1 < units.size()) {
        bytes /= 1024;
        ++unit;
    }
    return fmt::format("{:.{}f} {}", bytes, unit == 0 || bytes >= 100 ? 0 : 1, units.at(unit));
}

std::string readable_time(std::chrono::seconds time) {
    const auto s = std::max<std::int64_t>(0, time.count());
    if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string progress_line(std::string_view name, std::uint64_t done, std::optional<std::uint64_t> size, std::uint64_t start,
                          std::chrono::milliseconds elapsed, std::size_t width) {
    const double seconds = std::max(0.001, static_cast<double>(elapsed.count()) / 1000);
    const double rate = static_cast<double>(done - std::min(start, done)) / seconds;
    std::string figures = fmt::format("{:>9}  {:>9}/s", readable_size(static_cast<double>(done)), readable_size(rate));
    std::string bar;
    if (size && *size > 0) {
        const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(*size));
        const double left = rate > 0 ? static_cast<double>(*size - std::min(done, *size)) / rate : 0;
        figures = fmt::format("{:>3.0f}%  {}", part * 100, figures);
        if (rate > 0 && left < 360'000)
            figures += fmt::format("  {} left", readable_time(std::chrono::seconds(static_cast<long>(left))));
        const auto filled = static_cast<std::size_t>(part * max_bar_width);
        bar = fmt::format("  [{}{}]", std::string(filled, '='), std::string(max_bar_width - filled, ' '));
    }
    std::string out = escape(name, 40) + bar + "  " + figures;
    if (out.size() > width) out = escape(name, 40) + "  " + figures;
    if (out.size() > width) out = figures;
    return out.substr(0, width);
}

progress_bar::progress_bar(std::string name, bool wanted)
    : name_(std::move(name)), shown_(wanted && ::isatty(STDERR_FILENO) == 1) {}

progress_bar::~progress_bar() { finish(); }

void progress_bar::update(std::uint64_t done, std::optional<std::uint64_t> size) {
    if (!shown_) return;
    if (!start_) {
        start_ = done;
        started_at_ = clock::now();
    }
    done_ = done;
    size_ = size;
    if (clock::now() >= next_) draw();
}

void progress_bar::draw() {
    const auto now = clock::now();
    next_ = now + between_drawings;
    is_drawn_ = true;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_at_);
    fmt::print(
        stderr, "\r{}\x1b[K",
        progress_line(name_, done_, size_, start_.value_or(0), elapsed, terminal_columns(STDERR_FILENO).value_or(80) - 1));
    std::fflush(stderr);
}

void progress_bar::finish() {
    if (!is_drawn_) return;
    draw();
    fmt::print(stderr, "\n");
    is_drawn_ = false;
    shown_ = false;
}

}  // namespace sallyport::cli
