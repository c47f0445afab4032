#pragma once
// Parts of the reports of schema 1, as JSON values. Private to this directory. Pure functions; any thread.

#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

[[nodiscard]] boost::json::array texts_json(const std::vector<std::string>& texts);
[[nodiscard]] boost::json::array verdicts_json(const std::vector<verdict>& found);

}  // namespace sallyport::diagnosis
