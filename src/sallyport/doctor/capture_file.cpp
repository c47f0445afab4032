#include <sallyport/doctor/capture_file.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include <sallyport/doctor/capture_reader.hpp>
#include <sallyport/doctor/packet.hpp>
#include <sallyport/doctor/pcap_library.hpp>

namespace sallyport::doctor {

namespace {

struct closes_stream {
    void operator()(std::FILE* stream) const noexcept { (void)std::fclose(stream); }
};
using open_stream = std::unique_ptr<std::FILE, closes_stream>;

/// Microseconds since 1970. A file may have any number as its time; those beyond the year 9999 are none.
[[nodiscard]] std::int64_t time_of(const pcap_pkthdr& header) {
    const auto seconds = std::clamp<std::int64_t>(header.ts.tv_sec, 0, diagnosis::max_time);
    return seconds * 1'000'000 + std::clamp<std::int64_t>(header.ts.tv_usec, 0, 999'999);
}

[[nodiscard]] std::string name_of(link_layer link, const pcap_library& pcap) {
    const auto* const name = pcap.datalink_val_to_name(static_cast<int>(link));
    return name != nullptr ? std::string(name) : fmt::format("{}", static_cast<int>(link));
}

result<std::vector<diagnosis::facts>> read_stream(open_stream stream) {
    const auto pcap = pcap_library::load();
    if (!pcap) return std::unexpected(pcap.error());
    std::array<char, PCAP_ERRBUF_SIZE> why{};
    const std::unique_ptr<pcap_t, decltype(pcap->close)> capture(pcap->fopen_offline(stream.get(), why.data()), pcap->close);
    if (!capture) return fail(errc::syntax, fmt::format("the capture cannot be read: {}", why.data()));
    // The capture closes it.
    (void)stream.release();
    const auto link = static_cast<link_layer>(pcap->datalink(capture.get()));
    if (!is_known(link))
        return fail(errc::unsupported,
                    fmt::format("the capture has the link layer {}, which is not read; capture on an Ethernet interface, or "
                                "with 'tcpdump -i any'",
                                name_of(link, *pcap)));
    capture_reader reader;
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    int state = 0;
    while ((state = pcap->next_ex(capture.get(), &header, &bytes)) == 1) {
        const std::string_view content(reinterpret_cast<const char*>(bytes), header->caplen);
        if (const auto read = read_packet(link, content)) reader.add(*read, time_of(*header));
    }
    auto out = reader.sessions();
    if (state == PCAP_ERROR) {
        if (out.empty())
            return fail(errc::syntax, fmt::format("the capture cannot be read: {}", pcap->geterr(capture.get())));
        out.back().not_measured.push_back(fmt::format("the rest of the capture: {}", pcap->geterr(capture.get())));
    }
    if (out.empty() && reader.has_left_out())
        return fail(errc::too_long,
                    "the capture has more connections than the doctor reads, and the FTP sessions that it "
                    "has kept show nothing; cut out one host with 'tcpdump -r FILE -w PART host ADDRESS'");
    return out;
}

}  // namespace

bool is_capture(std::string_view beginning) noexcept {
    // In either byte order; the second one has times in nanoseconds, the third one is pcapng.
    static constexpr auto marks = std::to_array<std::string_view>(
        {"\xa1\xb2\xc3\xd4", "\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1", "\x0a\x0d\x0d\x0a"});
    return std::ranges::any_of(marks, [beginning](std::string_view mark) { return beginning.starts_with(mark); });
}

result<std::vector<diagnosis::facts>> read_capture_file(const std::string& path) {
    open_stream stream(std::fopen(path.c_str(), "rbe"));
    if (!stream) return fail_os(errno, path);
    return read_stream(std::move(stream));
}

result<std::vector<diagnosis::facts>> read_capture(std::string content) {
    open_stream stream(::fmemopen(content.data(), content.size(), "r"));
    if (!stream) return fail_os(errno, "the capture");
    return read_stream(std::move(stream));
}

}  // namespace sallyport::doctor
