#pragma once
// Facts as JSON: the saved run of a doctor, which can be sent to the administrator of the other side and read again. Pure
// functions on values; any thread.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/diagnosis/facts.hpp>

namespace sallyport::diagnosis {

/// {"sallyport_doctor":1,"facts":{...}}, with line breaks.
[[nodiscard]] std::string to_json(const facts& known);
/// errc::syntax if the text is no JSON, errc::unsupported if it is no saved run or one of another version.
[[nodiscard]] result<facts> facts_from_json(std::string_view text);

}  // namespace sallyport::diagnosis
