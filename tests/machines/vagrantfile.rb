# Evaluates ../../Vagrantfile as Vagrant would, and prints as JSON what it sets; says nothing about what Vagrant makes of it.
require "json"

# Takes every word and remembers what was assigned or called, under the words that lead there.
class Recorder
  def initialize(seen, path = [])
    @seen, @path = seen, path
  end

  def method_missing(name, *given, **options, &block)
    path = [*@path, name.to_s.delete_suffix("=")]
    return (@seen[path.join(".")] = given.first) if name.end_with?("=")
    return Recorder.new(@seen, path) if given.empty? && block.nil?

    path << given.first.to_s
    options.each { |key, value| @seen[[*path, key].join(".")] = value }
    block&.call(*[Recorder.new(@seen, path), Recorder.new(@seen, [*path, "override"])].first(block.arity))
  end

  def respond_to_missing?(*) = true
end

module Vagrant
  def self.configure(_version)
    yield Recorder.new(SEEN)
  end
end

SEEN = {}
load File.expand_path("../../Vagrantfile", __dir__)
puts JSON.generate(SEEN)
