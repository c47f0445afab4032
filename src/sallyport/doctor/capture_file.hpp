#pragma once
// The FTP sessions in a file of packets: pcap or pcapng, as tcpdump and Wireshark write them, read with libpcap.
//
// The file is read as a stream, so its size does not matter. Functions that own nothing afterwards; any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::doctor {

/// How many bytes is_capture() needs.
inline constexpr std::size_t capture_mark_size = 4;
/// Whether a file that begins with these bytes is a capture.
[[nodiscard]] bool is_capture(std::string_view beginning) noexcept;

/// One value for each session. Fails with errc::unsupported for a link layer that is not read, and with errc::syntax if the
/// file is damaged at its beginning; a file that is cut off is read up to there, and the last value says so.
[[nodiscard]] result<std::vector<diagnosis::facts>> read_capture_file(const std::string& path);
/// The same for a file whose content is in memory.
[[nodiscard]] result<std::vector<diagnosis::facts>> read_capture(std::string content);

}  // namespace sallyport::doctor
