// Two sounds that play side by side, one of them heard: going over to the other takes a crossfade of a few milliseconds.
window.vw.AbPlayer = class {
  static FADE_S = 0.008;
  static BIN_S = 0.1;
  static sounds = new Map();  // decoded ones by their address
  static MOST_SOUNDS = 24;
  static context() { return this.ctx ||= new AudioContext(); }
  // Fetched and decoded once; what cannot be is tried again the next time.
  static load(url) {
    if (!this.sounds.has(url)) {
      const sound = fetch(url).then((answer) => {
        if (!answer.ok) throw new Error(answer.statusText);
        return answer.arrayBuffer();
      }).then((bytes) => this.context().decodeAudioData(bytes));
      sound.catch(() => this.sounds.delete(url));
      this.sounds.set(url, sound);
      for (const old of this.sounds.keys()) if (this.sounds.size > this.MOST_SOUNDS) this.sounds.delete(old);
    }
    return this.sounds.get(url);
  }
  // `rounds`: how often it begins anew by itself. `levels` and `offsets` make sounds that were not made for each other equally loud and begin together.
  constructor(urls, changed = () => {}, { levels = [1, 1], offsets = [0, 0], rounds = 1 } = {}) {
    this.urls = urls;
    this.levels = levels;
    this.offsets = offsets;
    this.rounds = rounds;
    this.tab = window.vw.tab();
    this.changed = changed;
    this.picked = 0;
    this.at = 0;          // seconds, while it does not play
    this.heard = urls.map(() => new Set());
    this.playing = null;  // {sources, gains, begun, from}
    this.ready = Promise.all(urls.map((url) => this.constructor.load(url))).then((buffers) => {
      this.buffers = buffers;
      changed(this);
    });
    this.ready.catch((error) => { this.error = error; changed(this); });
  }
  length(side) { return this.buffers[side].duration - this.offsets[side]; }
  get seconds() { return this.buffers ? Math.max(...this.buffers.map((_, side) => this.length(side))) : 0; }
  get position() {
    if (!this.playing) return this.at;
    return this.playing.from + Math.max(0, this.constructor.context().currentTime - this.playing.begun);
  }
  heardSeconds(side) {
    const most = this.buffers ? this.length(side) : 0;
    return Math.min(most, this.heard[side].size * this.constructor.BIN_S);
  }
  async play(from = this.position, round = 1) {
    const wish = this.wish = {};
    await this.ready;
    const context = this.constructor.context();
    await context.resume();
    if (this.wish !== wish) return;  // paused while it was loading (another pair is there), or asked to play anew
    this.stop();
    document.querySelectorAll('audio').forEach((other) => other.pause());
    window.vw.AbPlayer.playing?.pause();
    window.vw.AbPlayer.playing = this;
    if (from >= this.length(this.picked) - 0.02) from = 0;
    const begun = context.currentTime + 0.005, gains = [], sources = this.buffers.map((buffer, side) => {
      const source = context.createBufferSource(), gain = context.createGain();
      source.buffer = buffer;
      gain.gain.value = side === this.picked ? this.levels[side] : 0;
      source.connect(gain).connect(context.destination);
      source.start(begun, Math.min(from + this.offsets[side], buffer.duration));
      gains.push(gain.gain);
      return source;
    });
    this.playing = { sources, gains, begun, from };
    this.last = from;
    this.round = round;
    this.timer = setInterval(() => this.count(), 50);
    this.changed(this);
  }
  // What was heard since it was last looked. At the end of the side that is heard it begins anew, or stops.
  count() {
    if (window.vw.tab() !== this.tab) return this.pause();
    const now = this.position, { BIN_S } = this.constructor;
    const end = this.length(this.picked);
    for (let bin = Math.floor(this.last / BIN_S); bin * BIN_S < Math.min(now, end); bin += 1) this.heard[this.picked].add(bin);
    this.last = now;
    if (now >= end) {
      this.stop();
      this.at = 0;
      if (this.round < this.rounds) return void this.play(0, this.round + 1);
    }
    this.changed(this);
  }
  pick(side) {
    if (side === this.picked) return;
    if (this.playing) {
      this.count();
      if (!this.playing) { this.picked = side; return this.changed(this); }
      const now = this.constructor.context().currentTime;
      this.playing.gains.forEach((gain, number) => {
        gain.cancelScheduledValues(now);
        gain.setValueAtTime(gain.value, now);
        gain.linearRampToValueAtTime(number === side ? this.levels[side] : 0, now + this.constructor.FADE_S);
      });
    }
    this.picked = side;
    this.round = 1;  // the other side is heard whole as well, however late one goes over
    this.changed(this);
  }
  pause() { this.wish = null; if (this.playing) { this.at = this.position; this.stop(); this.changed(this); } }
  toggle() { return this.playing ? this.pause() : this.play(); }
  stop() {
    if (!this.playing) return;
    clearInterval(this.timer);
    this.playing.sources.forEach((source) => { try { source.stop(); } catch { /* it has ended */ } });
    this.playing = null;
  }
};
// One sound at a time, whoever plays it.
document.addEventListener('play', () => window.vw.AbPlayer.playing?.pause(), true);
