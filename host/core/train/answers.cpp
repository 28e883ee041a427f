// Lines and parts of an evaluation; see answers.hpp.
#include "core/train/answers.hpp"

#include "core/report/bootstrap.hpp"
#include "core/train/step_stats.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace samara::host {
namespace {

constexpr size_t kMostValues = 50;  // of a field: more are names, not kinds

const Candidate& at(const Group& group, int64_t candidate) {
    return group.candidates[static_cast<size_t>(candidate)];
}

int64_t tokens(const Group& group, int64_t candidate) {
    return static_cast<int64_t>(at(group, candidate).response_ids.size());
}

// A text without its quotes, anything else as JSON; "(none)" where the record lacks the field.
std::string value_of(const Group& group, const std::string& field) {
    for (const auto& [key, json] : group.meta) {
        if (key == field) {
            const auto value = nlohmann::json::parse(json);
            return value.is_string() ? value.get<std::string>() : json;
        }
    }
    return "(none)";
}

}  // namespace

std::vector<std::string> parts_of(const Group& group,
                                  const Relation& relation,
                                  const std::vector<std::string>& by) {
    std::vector<std::string> parts;
    if (relation.order == 1 && relation.flip != 0.5) {
        const int64_t more = tokens(group, relation.i) - tokens(group, relation.j);
        if (more != 0) {
            parts.emplace_back((more > 0) == (relation.flip < 0.5) ? "longer" : "shorter");
        }
    }
    for (const std::string& field : by) {
        parts.push_back(field + "=" + value_of(group, field));
    }
    return parts;
}

void check_fields(const EvalSet& set, const std::string& where) {
    std::map<std::string, std::set<std::string>> values;
    for (const Group& group : set.groups) {
        for (const auto& [key, json] : group.meta) {
            values[key].insert(json);
        }
    }
    std::string known;
    for (const auto& [key, found] : values) {
        known += (known.empty() ? "'" : ", '") + key + "'";
    }
    for (const std::string& field : set.by) {
        const auto found = values.find(field);
        const size_t count = found == values.end() ? 0 : found->second.size();
        if (count == 0 || count > kMostValues) {
            throw Error(Code::config,
                        count == 0 ? "no row of evaluation set '" + set.name + "' has the field '" +
                                         field + "'"
                                   : "field '" + field + "' of evaluation set '" + set.name +
                                         "' has " + std::to_string(count) + " values; more than " +
                                         std::to_string(kMostValues) + " are no kinds",
                        where,
                        "fields of its rows: " + (known.empty() ? "none" : known));
        }
    }
}

double correlation(const std::vector<double>& x, const std::vector<double>& y) {
    const double centre_x = mean(x), centre_y = mean(y);
    double xx = 0, yy = 0, xy = 0;
    for (size_t n = 0; n < x.size(); ++n) {
        xx += (x[n] - centre_x) * (x[n] - centre_x);
        yy += (y[n] - centre_y) * (y[n] - centre_y);
        xy += (x[n] - centre_x) * (y[n] - centre_y);
    }
    return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : std::numeric_limits<double>::quiet_NaN();
}

void Answers::add(std::span<const Group* const> groups, const double* scores, const double* gaps) {
    for (const Group* group : groups) {
        std::set<std::pair<std::string, int64_t>> seen;
        for (const Relation& relation : group->relations) {
            const double gap = *gaps++;
            nlohmann::ordered_json line = {
                {"record", group->record_id}, {"tag", relation.tag}, {"gap", gap}};
            if (relation.flip != 0) {
                line["flip"] = relation.flip;  // says which sign is right, or neither
            }
            const std::vector<std::string> parts = parts_of(*group, relation, by_);
            if (!parts.empty()) {
                line["parts"] = parts;
            }
            lines_ += line.dump() + "\n";
            if (const auto right = rightness(gap, relation.flip)) {
                for (const std::string& part : parts) {
                    auto& [sum, count] = parts_[{relation.tag, part}];
                    sum += *right;
                    count += 1;
                }
            }
            for (const int64_t end : {relation.i, relation.j}) {
                if (relation.order == 1 && seen.insert({relation.tag, end}).second) {
                    auto& [length, score] = lengths_[relation.tag];
                    length.push_back(static_cast<double>(tokens(*group, end)));
                    score.push_back(scores[end]);
                }
            }
        }
        scores += group->candidates.size();
    }
}

void Answers::add_fields(Row& row) const {
    for (const auto& [name, sums] : parts_) {
        row.fields.emplace_back("accuracy/" + name.first + "/" + name.second,
                                sums.first / sums.second);
    }
    for (const auto& [tag, lists] : lengths_) {
        const double r = correlation(lists.first, lists.second);
        if (std::isfinite(r)) {
            row.fields.emplace_back("length_correlation/" + tag, r);
        }
    }
}

}  // namespace samara::host
