// What the page asks for by itself is shown as what an event brings; both call what was given to `onValue`.
const shows = [], live = props.live, gradioWatch = watch;
const onValue = (show) => { shows.push(show); };
gradioWatch('value', () => { if (live) window.vw.live.renew(live); shows.forEach((show) => show()); });
if (live) window.vw.live.add(live, (html) => { props.value = html; shows.forEach((show) => show()); });
