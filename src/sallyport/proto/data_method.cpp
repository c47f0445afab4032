#include <sallyport/proto/data_method.hpp>

namespace sallyport::proto {

std::string_view name(data_method m) noexcept { return row_of(verb_of(m)).name; }

verb verb_of(data_method m) noexcept {
    switch (m) {
        case data_method::epsv: return verb::epsv;
        case data_method::pasv: return verb::pasv;
        case data_method::eprt: return verb::eprt;
        case data_method::port: return verb::port;
    }
    return verb::unknown;
}

data_method method_of(verb id) noexcept {
    switch (id) {
        case verb::pasv: return data_method::pasv;
        case verb::eprt: return data_method::eprt;
        case verb::port: return data_method::port;
        default: return data_method::epsv;
    }
}

std::optional<data_method> method_named(std::string_view name) noexcept {
    const auto id = find_verb(name);
    const auto use = data_use_of(id);
    if (use != data_use::passive && use != data_use::active) return std::nullopt;
    return method_of(id);
}

}  // namespace sallyport::proto
