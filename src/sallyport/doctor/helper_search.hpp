#pragma once
// Looks for FTP helpers on the path, by pieces of lines on throw-away connections without login (line_probe.hpp). On the
// loop's thread; the arguments must outlive the calls.

#include <cstdint>
#include <string>

#include <sallyport/doctor/path_probe.hpp>

namespace sallyport::doctor {

/// A piece that no helper knows, to compare with.
inline constexpr std::string_view half_line = "XPOR 192,168,";

/// Sends a piece of a line to a control port of the server, and adds what happened to it as `name`. True: it was held back.
/// If another port than the session's does not answer, there is nothing to compare with, and nothing is added.
net::task<bool> add_line_probe(path_probe how, std::uint16_t port, std::string name, std::string piece,
                               diagnosis::facts& into);

/// The first half of a PORT command; if it is held back, half of another line too. True: the PORT was held back.
net::task<bool> find_helper(path_probe how, std::uint16_t port, diagnosis::facts& into);

}  // namespace sallyport::doctor
