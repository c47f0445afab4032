#include <sallyport/diagnosis/comparison_lines.hpp>

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sallyport::diagnosis {

namespace {

std::string_view plural(std::size_t count) { return count == 1 ? "" : "s"; }

comparison_line line_of(const std::vector<port_round>& rounds) {
    const auto all = rounds.size();
    const auto worked = static_cast<std::size_t>(
        std::ranges::count(rounds, method_result::ok, [](const port_round& r) { return r.result; }));
    return {"rounds", worked == all,
            worked == all ? fmt::format("{} round{}: all worked", all, plural(all))
                          : fmt::format("{} round{}: {} worked, {} failed", all, plural(all), worked, all - worked)};
}

/// "1, 2, 5 minutes" or "30, 75 seconds".
std::string text_of(const std::vector<std::int64_t>& seconds) {
    constexpr std::int64_t minute = 60;
    const bool whole = std::ranges::all_of(seconds, [](std::int64_t s) { return s % minute == 0; });
    std::vector<std::int64_t> shown;
    for (const auto each : seconds) shown.push_back(whole ? each / minute : each);
    const bool one = shown.size() == 1 && shown.front() == 1;
    return fmt::format("{} {}{}", fmt::join(shown, ", "), whole ? "minute" : "second", one ? "" : "s");
}

comparison_line line_of(const std::vector<idle_probe>& idle) {
    std::vector<std::int64_t> times;
    for (const auto& each : idle) times.push_back(each.seconds);
    std::ranges::sort(times);
    times.erase(std::ranges::unique(times).begin(), times.end());
    std::vector<std::string> lost;
    for (const auto& each : idle)
        if (each.result != "alive")
            lost.push_back(fmt::format("{}{}: {}", text_of({each.seconds}),
                                       each.kept_by == "silent" ? "" : " with " + each.kept_by, each.result));
    return {"idle", lost.empty(),
            fmt::format("idle {}: {}", text_of(times),
                        lost.empty() ? std::string("all sessions alive") : fmt::format("{}", fmt::join(lost, "; ")))};
}

comparison_line line_of(const upload_facts& upload) {
    const auto size = fmt::format("upload of {} KiB: ", upload_kib);
    if (upload.result != method_result::ok)
        return {"upload", false, size + (upload.reply.empty() ? std::string(name(upload.result)) : upload.reply)};
    if (upload.difference.empty()) return {"upload", true, size + "ok"};
    return {"upload", false, size + "the file that was downloaded again differs: " + upload.difference};
}

}  // namespace

std::vector<comparison_line> comparison_lines(const facts& known) {
    std::vector<comparison_line> out;
    if (!known.rounds.empty()) out.push_back(line_of(known.rounds));
    if (!known.idle.empty()) out.push_back(line_of(known.idle));
    if (known.compared.upload) out.push_back(line_of(*known.compared.upload));
    return out;
}

}  // namespace sallyport::diagnosis
