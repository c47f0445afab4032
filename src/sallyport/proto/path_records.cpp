#include <sallyport/proto/path_records.hpp>

#include <utility>

namespace sallyport::proto {

std::string_view path_argument(verb id, std::string_view argument) noexcept {
    if (id != verb::list && id != verb::nlst) return argument;
    while (argument.starts_with('-')) {
        const auto blank = argument.find(' ');
        argument.remove_prefix(blank == std::string_view::npos ? argument.size() : blank + 1);
    }
    return argument;
}

bool names_path(verb id) noexcept {
    switch (id) {
        case verb::cwd:
        case verb::cdup:
        case verb::dele:
        case verb::rmd:
        case verb::mkd:
        case verb::rnfr:
        case verb::rnto: return true;
        default: return false;
    }
}

bool path_records::must_ask(verb id) noexcept {
    const auto use = data_use_of(id);
    const bool depends = names_path(id) || use == data_use::passive || use == data_use::active;
    if (!depends || directory.is_known()) return false;
    return !std::exchange(pwd_sent, true);
}

void path_records::reply_received(verb id, std::string_view argument, const reply& r) {
    directory.reply_received(id, argument, r);
    if (id == verb::rnfr) rename_from = r.intermediate() ? directory.absolute(argument) : std::string();
    const bool change = id == verb::dele || id == verb::rmd || id == verb::mkd || id == verb::rnto;
    if (!change) return;
    const auto from = id == verb::rnto ? std::exchange(rename_from, {}) : std::string();
    if (on_change) on_change({id, directory.absolute(argument), from, directory.text(), r.code, r.text()});
}

void path_records::reset() {
    directory.reset();
    rename_from.clear();
    pwd_sent = false;
}

}  // namespace sallyport::proto
